/** The power flow: panels, battery, grid and house around the inverter, with what is measured at each. */
import { useEffect, useRef } from "preact/hooks";
import { IconAt } from "../../components/icon";
import { percent, power, powerParts } from "../../format";
import { t } from "../../i18n/shared";
import { isStale, live } from "../../state/live";
import { isStill } from "../../state/screen";
import { flows, sources, speed, thickness, type NodeFlow, type NodeName } from "./flow-model";
import { w } from "./words";

const CENTRE = 190;
const RADIUS = 54;
const HUB = 20;
/** Where the nodes stand around the middle, as directions. */
const PLACES: Record<NodeName, readonly [number, number]> = { pv: [0, -1], grid: [-1, 0], house: [1, 0], battery: [0, 1] };
const REACH = 133;
const DASH = 26;

export function Flow() {
  const readings = live.value?.readings ?? null;
  if (readings === null) return <p class="loading">{w("flow.nothing")}</p>;
  const all = flows(readings);
  const names: NodeName[] = ["pv", "grid", "house", "battery"];
  const soc = readings.battery_soc_pct;
  const island = readings.grid_connected === false;
  const told = names.map((name) => `${t(name)}: ${power(abs(all[name].power_w))} ${verb(all[name], island)}`);
  return (
    <figure class={`flow ${isStale.value ? "stale" : ""}`} data-testid="flow">
      <svg viewBox="0 0 380 380" role="img" aria-label={`${told.join(", ")}. ${t("soc")}: ${percent(soc)}.`}>
        {names.map((name) => (
          <Spoke key={name} flow={all[name]} />
        ))}
        <g class="hub">
          <circle cx={CENTRE} cy={CENTRE} r={HUB} />
          <IconAt name="bolt" x={CENTRE} y={CENTRE} size={20} />
        </g>
        {names.map((name) => (
          <Node key={name} flow={all[name]} island={island} soc={name === "battery" ? soc : null}>
            {name === "battery" && <Ring parts={[{ name: "battery", share: (soc ?? 0) / 100 }]} name={name} />}
            {name === "house" && <Ring parts={sources(all)} name={name} />}
          </Node>
        ))}
      </svg>
      {island && (
        <figcaption>
          <strong>{w("flow.island")}</strong>
        </figcaption>
      )}
    </figure>
  );
}

const abs = (value: number | null) => (value === null ? null : Math.abs(value));
const place = (name: NodeName) => {
  const [dx, dy] = PLACES[name];
  return { dx, dy, x: CENTRE + dx * REACH, y: CENTRE + dy * REACH };
};

function verb(flow: NodeFlow, island: boolean): string {
  if (flow.power_w === null || flow.quality === "missing") return w("quality.missing");
  if (flow.quality === "suspect") return w("quality.suspect");
  const resting = flow.inward === 0;
  switch (flow.name) {
    case "pv":
      return resting ? w("pv.idle") : w("pv.producing");
    case "battery":
      return resting ? w("battery.idle") : flow.inward > 0 ? w("battery.discharging") : w("battery.charging");
    case "grid":
      return island ? w("grid.off") : resting ? w("grid.idle") : flow.inward > 0 ? w("grid.buying") : w("grid.selling");
    case "house":
      return w("house.using");
  }
}

/** A line between a node and the middle; light runs along it the way the power goes, as fast as there is power. */
function Spoke({ flow }: { flow: NodeFlow }) {
  const { dx, dy, x, y } = place(flow.name);
  const from = { x: x - dx * (RADIUS + 4), y: y - dy * (RADIUS + 4) };
  const to = { x: CENTRE + dx * (HUB + 4), y: CENTRE + dy * (HUB + 4) };
  const d = flow.inward < 0 ? `M${to.x} ${to.y}L${from.x} ${from.y}` : `M${from.x} ${from.y}L${to.x} ${to.y}`;
  const width = thickness(flow.power_w);
  return (
    <g class={`spoke tone-${flow.name} ${flow.inward === 0 ? "rest" : ""}`}>
      <path class="spoke-base" d={d} stroke-width={flow.inward === 0 ? 2 : width} />
      {flow.inward !== 0 && <Light key={flow.inward} d={d} width={width} rate={speed(flow.power_w)} />}
      {flow.inward !== 0 && <Arrow from={flow.inward < 0 ? to : from} to={flow.inward < 0 ? from : to} width={width} />}
    </g>
  );
}

interface Point {
  x: number;
  y: number;
}

function Light({ d, width, rate }: { d: string; width: number; rate: number }) {
  const path = useRef<SVGPathElement>(null);
  const running = useRef<Animation | null>(null);
  const still = isStill.value;
  useEffect(() => {
    if (still || path.current === null) return undefined;
    const steps = [{ strokeDashoffset: String(DASH) }, { strokeDashoffset: "0" }];
    const animation = path.current.animate(steps, { duration: 2600, iterations: Number.POSITIVE_INFINITY });
    running.current = animation;
    return () => {
      animation.cancel();
      running.current = null;
    };
  }, [still]);
  useEffect(() => {
    running.current?.updatePlaybackRate(rate); // in place: the light changes its speed without a jump
  }, [rate, still]);
  return <path ref={path} class="spoke-light" d={d} stroke-width={Math.max(2.5, width * 0.55)} stroke-dasharray={`6 ${DASH - 6}`} />;
}

function Arrow({ from, to, width }: { from: Point; to: Point; width: number }) {
  const x = (from.x + to.x) / 2;
  const y = (from.y + to.y) / 2;
  const turn = (Math.atan2(to.y - from.y, to.x - from.x) * 180) / Math.PI;
  const size = 4 + width * 0.55;
  return <path class="spoke-arrow" d={`M${-size} ${-size}L${size} 0L${-size} ${size}z`} transform={`translate(${x} ${y}) rotate(${turn})`} />;
}

interface NodeProps {
  flow: NodeFlow;
  island: boolean;
  soc: number | null;
  children: preact.ComponentChildren;
}

function Node({ flow, island, soc, children }: NodeProps) {
  const { x, y } = place(flow.name);
  const { value, unit } = powerParts(abs(flow.power_w));
  const isBattery = flow.name === "battery";
  const classes = ["node", `tone-${flow.name}`, flow.quality === "good" ? "" : "doubtful", flow.inward === 0 && flow.name !== "house" ? "rest" : ""];
  return (
    <g class={classes.join(" ")} data-testid={`flow-${flow.name}`} data-power={flow.power_w ?? ""} data-inward={flow.inward}>
      <circle class="node-disc" cx={x} cy={y} r={RADIUS} />
      {children}
      <IconAt name={flow.name} x={isBattery ? x - 20 : x} y={y - 35} size={18} />
      {isBattery && (
        <text class="node-soc" x={x - 7} y={y - 29.5} data-testid="soc">
          {percent(soc)}
        </text>
      )}
      <text class="node-name" x={x} y={y - 12}>
        {t(flow.name)}
      </text>
      <text class="node-value" x={x} y={y + 12}>
        {value}
        {unit !== "" && <tspan class="node-unit">{`\u00a0${unit}`}</tspan>}
      </text>
      <text class="node-verb" x={x} y={y + 30}>
        {verb(flow, island)}
      </text>
    </g>
  );
}

/** A ring around a node, filled clockwise from the top: how full the battery is, or of what the house's power consists. */
function Ring({ parts, name }: { parts: { name: NodeName; share: number }[]; name: NodeName }) {
  const { x, y } = place(name);
  let begin = 0;
  return (
    <g class="ring" transform={`rotate(-90 ${x} ${y})`}>
      <circle class="ring-base" cx={x} cy={y} r={RADIUS} />
      {parts.map((part) => {
        const at = begin;
        begin += part.share;
        const dash = `${Math.max(0, part.share * 100)} 100`;
        return <circle key={part.name} class={`ring-part tone-${part.name}`} cx={x} cy={y} r={RADIUS} pathLength={100} stroke-dasharray={dash} stroke-dashoffset={-at * 100} />;
      })}
    </g>
  );
}
