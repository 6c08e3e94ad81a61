/** Two figures beside the decision: what energy costs now, and what today saved. */
import { Card } from "../../components/card";
import type { LiveState } from "../../api/types";
import { energy, money, number, price, symbol } from "../../format";
import { named, t } from "../../i18n/shared";
import { restsOnEstimates, told } from "../../sentences";
import { w } from "./words";

export function PriceTile({ state }: { state: LiveState }) {
  const { currency, import_per_kwh, export_per_kwh, market_per_mwh, origin } = state.price;
  const estimated = origin !== null && origin !== "published";
  return (
    <Card
      title={w("price.title")}
      class="tile"
      testid="price-now"
      aside={estimated && <span class="tag" title={named("origin", origin)}>{t("estimated")}</span>}
    >
      <dl class="pair">
        <div class="import">
          <dt>{t("buy")}</dt>
          <dd>
            <strong>{number(import_per_kwh, 2)}</strong> {symbol(currency)}/kWh
          </dd>
        </div>
        <div class="export">
          <dt>{t("sell")}</dt>
          <dd>
            <strong>{number(export_per_kwh, 2)}</strong> {symbol(currency)}/kWh
          </dd>
        </div>
      </dl>
      <p class="quiet">
        {w("price.market", { price: price(market_per_mwh === null ? null : market_per_mwh / 1000, currency) })}
        {origin !== null && `, ${named("origin", origin)}`}
      </p>
    </Card>
  );
}

/** A sum that is shown as 0.00 is neither. */
function gain(saved: number | null): string {
  if (saved === null || Math.abs(saved) < 0.005) return "";
  return saved < 0 ? "loss" : "gain";
}

export function TodayTile({ state }: { state: LiveState }) {
  const { saved, saved_basis, cost, pv_wh, load_wh, import_wh, export_wh } = state.today;
  const energies = [
    { name: w("today.pv"), wh: pv_wh, tone: "pv" },
    { name: w("today.load"), wh: load_wh, tone: "house" },
    { name: w("today.import"), wh: import_wh, tone: "import" },
    { name: w("today.export"), wh: export_wh, tone: "export" },
  ];
  const currency = state.price.currency;
  return (
    <Card title={w("today.title")} class="tile" testid="saved-today" aside={saved !== null && restsOnEstimates(saved_basis) && <span class="tag">{t("estimated.partly")}</span>}>
      <p class={`figure ${gain(saved)}`}>
        <strong>{money(saved, currency, true)}</strong>
      </p>
      {saved !== null && <p class="quiet">{w("today.against")}</p>}
      {cost !== null && (
        <p>{cost < 0 ? w("today.income", { money: money(-cost, currency) }) : w("today.bill", { money: money(cost, currency) })}</p>
      )}
      <dl class="today-energies">
        {energies.map(({ name, wh, tone }) => (
          <div key={name} class={`today-${tone}`}>
            <dt>{name}</dt>
            <dd>{energy(wh)}</dd>
          </div>
        ))}
      </dl>
      <p class="quiet" lang={state.language}>
        {told(saved_basis, state.language)}
      </p>
    </Card>
  );
}
