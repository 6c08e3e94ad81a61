/** What the lines of a track are: a sample of each as it is drawn, and its name. */
import type { SeriesSpec } from "./track";

export function Legend({ series }: { series: readonly SeriesSpec[] }) {
  return (
    <ul class="legend">
      {series
        .filter((each) => each.label !== "")
        .map((each) => (
          <li key={each.label}>
            <svg viewBox="0 0 22 12" width="22" height="12" aria-hidden="true">
              {(each.look === "band" || each.look.endsWith("area")) && (
                <rect x="0" y="1" width="22" height="10" style={{ fill: `var(--${each.tone})` }} opacity="0.25" />
              )}
              {each.look === "bar" && <rect x="5" y="0" width="12" height="12" rx="2" style={{ fill: `var(--${each.tone})` }} />}
              {each.look !== "band" && each.look !== "bar" && (
                <path
                  d="M0 6h22"
                  style={{ stroke: `var(--${each.tone})` }}
                  stroke-width={each.width ?? 2.5}
                  stroke-dasharray={each.dash?.join(" ")}
                />
              )}
            </svg>
            {each.label}
          </li>
        ))}
    </ul>
  );
}
