/** One decision, whole: its numbers, its money, its score, and what others would have done. */
import type { DecisionDetail, FactorView, ProposalView } from "../../api/past";
import type { DecisionSummary, Reasoning } from "../../api/types";
import { DataTable, type Column } from "../../components/data-table";
import { FactList, type Fact } from "../../components/facts";
import { ModeName } from "../../components/mode";
import { Failed, Loading } from "../../components/notice";
import { NONE, clock, moment, money, number, percent, power, price, symbol } from "../../format";
import { named } from "../../i18n/shared";
import { live } from "../../state/live";
import { useResource } from "../../state/resource";
import { told } from "../../sentences";
import { w, wordOf } from "./words";

const currencyNow = () => live.value?.price.currency ?? "";
const perMwh = (value: number | null): string => (value === null ? NONE : `${number(value, 2)}\u00a0${symbol(currencyNow())}/MWh`);

export function DecisionMore({ decision }: { decision: DecisionSummary }) {
  const { data, problem, reload } = useResource<DecisionDetail>(`decisions/${encodeURIComponent(decision.at)}`);
  return (
    <div class="decision-detail" data-testid="decision-detail">
      <FactList facts={factsOf(decision)} />
      {decision.causes.length > 0 && (
        <>
          <h3>{w("detail.causes")}</h3>
          <ul class="bullets" lang={live.value?.language}>
            {decision.causes.map((cause) => (
              <li key={cause}>{told(cause, live.value?.language)}</li>
            ))}
          </ul>
        </>
      )}
      {data === null && (problem === null ? <Loading /> : <Failed problem={problem} retry={reload} />)}
      {data !== null && <Whole detail={data} />}
    </div>
  );
}

function factsOf(decision: DecisionSummary): Fact[] {
  const currency = currencyNow();
  const facts: Fact[] = [
    { name: w("detail.who"), value: named("source", decision.source) },
    { name: w("detail.trigger"), value: wordOf("trigger", decision.trigger) },
    { name: w("detail.confidence"), value: percent(decision.confidence_pct) },
    { name: w("detail.soc"), value: percent(decision.soc_pct) },
    { name: w("detail.price"), value: price(decision.import_per_kwh, currency) },
    { name: w("detail.market"), value: perMwh(decision.market_per_mwh) },
    { name: w("detail.result"), value: decision.result === null ? w("result.none") : wordOf("result", decision.result) },
  ];
  if (decision.target_soc_pct !== null) facts.push({ name: w("detail.target"), value: percent(decision.target_soc_pct) });
  if (decision.export_limit_w !== null) facts.push({ name: w("detail.export-limit"), value: power(decision.export_limit_w) });
  return facts;
}

function Whole({ detail }: { detail: DecisionDetail }) {
  return (
    <>
      {detail.reasoning !== null && (
        <>
          <h3>{w("detail.money")}</h3>
          <FactList facts={moneyOf(detail.reasoning)} />
        </>
      )}
      {detail.factors.length > 0 && <Factors factors={detail.factors} total={detail.score_total} />}
      <Proposals title={w("detail.proposals")} proposals={detail.proposals} />
      <Proposals title={w("detail.shadows")} proposals={detail.shadows} />
    </>
  );
}

function moneyOf(reasoning: Reasoning): Fact[] {
  const currency = currencyNow();
  const more = (value: number | null) => w("money.more", { cost: money(value, currency) });
  const facts: Fact[] = [
    { name: w("money.stored"), value: price(reasoning.stored_value_per_kwh, currency) },
    { name: w("money.charge-below"), value: price(reasoning.charge_below_per_kwh, currency) },
    { name: w("money.sell-above"), value: price(reasoning.sell_above_per_kwh, currency) },
    { name: w("money.until"), value: moment(reasoning.until) },
  ];
  const { use, alternative } = reasoning;
  if (use !== null) {
    const span = `${moment(use.start)}–${clock(use.end)}`;
    facts.push({ name: w("money.use"), value: w(use.is_sold ? "money.use-sold" : "money.use-used", { span, price: price(use.price_per_kwh, currency) }) });
  }
  if (alternative !== null) {
    const mode = named("mode", alternative.mode);
    facts.push({ name: w("money.alternative"), value: alternativeWords(mode, alternative.costs_more) });
  }
  if (reasoning.self_use_costs_more !== null) facts.push({ name: w("money.self-use"), value: more(reasoning.self_use_costs_more) });
  facts.push({ name: w("money.agreement"), value: percent(100 * reasoning.agreement) });
  return facts;
}

/** Less than this is no difference in money. */
const HALF_A_CENT = 0.005;

function alternativeWords(mode: string, costsMore: number | null): string {
  if (costsMore === null) return mode;
  if (Math.abs(costsMore) < HALF_A_CENT) return w("money.alternative-same", { mode });
  return w("money.alternative-costs", { mode, cost: money(costsMore, currencyNow()) });
}

function Factors({ factors, total }: { factors: readonly FactorView[]; total: number | null }) {
  const columns: Column<FactorView>[] = [
    { key: "name", head: w("factor.name"), cell: (factor) => wordOf("factor", factor.name) },
    { key: "value", head: w("factor.value"), isNumber: true, cell: (factor) => valueOf(factor) },
    { key: "band", head: w("factor.band"), cell: (factor) => <span lang="en">{factor.band}</span> },
    { key: "points", head: w("factor.points"), isNumber: true, cell: (factor) => number(factor.points) },
    { key: "weight", head: w("factor.weight"), isNumber: true, cell: (factor) => percent(100 * factor.weight) },
    { key: "contribution", head: w("factor.contribution"), isNumber: true, cell: (factor) => number(factor.contribution, 1) },
  ];
  return (
    <>
      <h3>{w("detail.factors")}</h3>
      <DataTable caption={w("detail.factors")} columns={columns} rows={factors} rowKey={(factor) => factor.name} />
      {total !== null && <p class="quiet">{w("factor.total", { total: number(total, 1) })}</p>}
    </>
  );
}

function valueOf(factor: FactorView): string {
  if (factor.value === null) return NONE;
  if (factor.unit === "W") return power(factor.value);
  return `${number(factor.value, Number.isInteger(factor.value) ? 0 : 1)}\u00a0${factor.unit}`;
}

function Proposals({ title, proposals }: { title: string; proposals: readonly ProposalView[] }) {
  if (proposals.length === 0) return null;
  return (
    <>
      <h3>{title}</h3>
      <ul class="proposals">
        {proposals.map((one) => (
          <li key={`${one.source} ${one.reason}`}>
            <p>
              <strong>{named("source", one.source)}</strong> · <ModeName mode={one.mode} />
              {one.power_w !== null && ` ${power(one.power_w)}`} <span class="quiet">{percent(one.confidence_pct)}</span>
            </p>
            <p class="quiet" lang={live.value?.language}>
              {told(one.reason, live.value?.language)}
            </p>
          </li>
        ))}
      </ul>
    </>
  );
}
