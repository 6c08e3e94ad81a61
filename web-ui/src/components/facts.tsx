/** Facts with their names: a list of pairs, and tiles of numbers. */
import type { ComponentChildren } from "preact";

export interface Fact {
  name: string;
  value: ComponentChildren;
  /** A word below the value. */
  note?: ComponentChildren;
  /** A colour of the style sheet that marks what the number is of. */
  colour?: string;
  testid?: string;
}

export function FactList({ facts }: { facts: readonly Fact[] }) {
  return (
    <dl class="facts">
      {facts.map(({ name, value, note, testid }) => (
        <div key={name} data-testid={testid}>
          <dt>{name}</dt>
          <dd>
            {value}
            {note !== undefined && <span class="fact-note">{note}</span>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

export function Tiles({ tiles, testid }: { tiles: readonly Fact[]; testid?: string }) {
  return (
    <dl class="number-tiles" data-testid={testid}>
      {tiles.map(({ name, value, note, colour, testid: id }) => (
        <div key={name} class={`number-tile ${colour === undefined ? "" : `number-tile-${colour}`}`} data-testid={id}>
          <dt>{name}</dt>
          <dd>
            <span class="tile-value">{value}</span>
            {note !== undefined && <span class="fact-note">{note}</span>}
          </dd>
        </div>
      ))}
    </dl>
  );
}
