/** The decisions of the span: a list with filters, each of which opens to its detail. */
import { computed } from "@preact/signals";
import { useState } from "preact/hooks";
import type { DecisionPage } from "../../api/past";
import type { DecisionSummary, Verdict } from "../../api/types";
import { address } from "../../api/client";
import { Card } from "../../components/card";
import { Icon } from "../../components/icon";
import { MODES, ModeMark } from "../../components/mode";
import { Failed, Loading } from "../../components/notice";
import { moment, percent, power } from "../../format";
import { named } from "../../i18n/shared";
import { lastDecision, live } from "../../state/live";
import { usePages } from "../../state/pages";
import { DecisionMore } from "./detail";
import { told } from "../../sentences";
import { w, wordOf } from "./words";

const PAGE = 20;
const TYPING_MS = 400;
const SOURCES = ["optimal", "multi_factor", "self_use", "fast_charge", "person", "safety"] as const;
const VERDICTS: readonly Verdict[] = ["allowed", "narrowed", "refused"];

interface Filters {
  mode: string | null;
  source: string | null;
  verdict: string | null;
  text: string | null;
}

/** Moves when a decision is made while we look. */
const decided = computed(() => lastDecision.value?.at ?? "");

export function Decisions({ start, end }: { start: string; end: string }) {
  const [filters, setFilters] = useState<Filters>({ mode: null, source: null, verdict: null, text: null });
  const query = { start, end, ...filters };
  const list = usePages<DecisionPage, DecisionSummary>(
    "decisions",
    { ...query, limit: PAGE },
    (page) => ({ items: page.decisions, next: page.next }),
    (decision) => decision.at,
    [decided],
  );
  return (
    <Card
      title={w("decisions.title")}
      class="decisions"
      aside={
        <a class="link" href={address("decisions.csv", { ...query })} download data-testid="decisions-csv">
          <Icon name="download" size={16} />
          {w("csv.decisions")}
        </a>
      }
    >
      <FilterBar filters={filters} change={(part) => setFilters((now) => ({ ...now, ...part }))} />
      {list.problem !== null && <Failed problem={list.problem} retry={list.reload} />}
      {list.items === null && list.problem === null && <Loading />}
      {list.items !== null && (
        <>
          {list.items.length === 0 && <p class="quiet">{w("decisions.none")}</p>}
          <ol class="decision-list" data-testid="decision-list">
            {list.items.map((decision) => (
              <Row key={decision.at} decision={decision} />
            ))}
          </ol>
          {list.hasMore && (
            <button type="button" class="button small" disabled={list.loading} data-testid="decisions-older" onClick={list.more}>
              {w("decisions.older")}
            </button>
          )}
        </>
      )}
    </Card>
  );
}

interface FilterBarProps {
  filters: Filters;
  change: (part: Partial<Filters>) => void;
}

let typing: number | undefined;

function FilterBar({ filters, change }: FilterBarProps) {
  const wait = (text: string) => {
    window.clearTimeout(typing);
    typing = window.setTimeout(() => change({ text: text.trim() === "" ? null : text.trim() }), TYPING_MS);
  };
  return (
    <form class="filters" role="search" aria-label={w("filter.label")} onSubmit={(event) => event.preventDefault()}>
      <Select
        label={w("filter.mode")}
        testid="decision-filter-mode"
        value={filters.mode}
        options={MODES.map((mode) => ({ value: mode, text: named("mode", mode) }))}
        choose={(mode) => change({ mode })}
      />
      <Select
        label={w("filter.who")}
        testid="decision-filter-source"
        value={filters.source}
        options={SOURCES.map((source) => ({ value: source, text: named("source", source) }))}
        choose={(source) => change({ source })}
      />
      <Select
        label={w("filter.verdict")}
        testid="decision-filter-verdict"
        value={filters.verdict}
        options={VERDICTS.map((verdict) => ({ value: verdict, text: w(`verdict.${verdict}`) }))}
        choose={(verdict) => change({ verdict })}
      />
      <label class="field grows">
        {w("filter.text")}
        <input type="search" maxLength={100} data-testid="decision-filter-text" onInput={(event) => wait(event.currentTarget.value)} />
      </label>
    </form>
  );
}

interface SelectProps {
  label: string;
  value: string | null;
  options: readonly { value: string; text: string }[];
  choose: (value: string | null) => void;
  testid: string;
}

function Select({ label, value, options, choose, testid }: SelectProps) {
  return (
    <label class="field">
      {label}
      <select value={value ?? ""} data-testid={testid} onChange={(event) => choose(event.currentTarget.value || null)}>
        <option value="">{w("filter.all")}</option>
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.text}
          </option>
        ))}
      </select>
    </label>
  );
}

function Row({ decision }: { decision: DecisionSummary }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <li data-testid="decision-row">
      <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary class="decision-head">
          <ModeMark mode={decision.mode} size={22} />
          <span class="decision-what">
            <span class="decision-line">
              <strong>{named("mode", decision.mode)}</strong>
              {decision.power_w !== null && <span> {power(decision.power_w)}</span>}
              {decision.verdict !== "allowed" && <span class={`tag verdict-${decision.verdict}`}>{wordOf("verdict", decision.verdict)}</span>}
              <time class="quiet" dateTime={decision.at}>
                {moment(decision.at)}
              </time>
            </span>
            <span class="decision-reason" lang={live.value?.language}>
              {told(decision.reason, live.value?.language)}
            </span>
            <span class="quiet decision-by">
              {named("source", decision.source)} · {w("detail.confidence")} {percent(decision.confidence_pct)}
            </span>
          </span>
        </summary>
        {isOpen && <DecisionMore decision={decision} />}
      </details>
    </li>
  );
}
