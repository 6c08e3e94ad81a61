/** F1-F5, each with what it rests on, or why there is none, and what it means. */
import type { FigureName, FigureView, SavingsView } from "../../api/past";
import { Card } from "../../components/card";
import { NONE, money, number } from "../../format";
import { w } from "./words";

const ORDER: readonly FigureName[] = ["savings", "decision_accuracy", "uptime", "data_collection_rate", "charging_efficiency"];

export function Figures({ figures }: { figures: SavingsView["figures"] }) {
  return (
    <Card title={w("figures.title")}>
      <div class="figures">
        {ORDER.map((name) => (
          <Figure key={name} name={name} figure={figures[name]} />
        ))}
      </div>
    </Card>
  );
}

function told({ value, unit }: FigureView): string {
  if (value === null) return NONE;
  return unit === "%" ? `${number(value, 1)}\u00a0%` : money(value, unit);
}

function Figure({ name, figure }: { name: FigureName; figure: FigureView }) {
  return (
    <article class="figure" data-testid={`figure-${name}`}>
      <h3>{w(`figure.${name}`)}</h3>
      <p class="figure-value">{figure.value === null ? <span class="quiet">{w("figures.none")}</span> : told(figure)}</p>
      <p class="fact-note" lang="en">
        {figure.value === null ? (figure.reason ?? figure.basis) : figure.basis}
      </p>
      <details>
        <summary>{w("figures.what")}</summary>
        <p>{w(`what.${name}`)}</p>
      </details>
    </article>
  );
}
