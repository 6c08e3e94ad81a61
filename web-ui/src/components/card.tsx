/** A titled part of a page. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

export interface CardProps {
  title: string;
  /** Beside the title: a control, or a short note. */
  aside?: ComponentChildren;
  class?: string;
  testid?: string;
  children: ComponentChildren;
}

let count = 0;
const nextId = () => `card-${(count += 1)}`;

export function Card({ title, aside, class: name = "", testid, children }: CardProps) {
  const [id] = useState(nextId);
  return (
    <section class={`card ${name}`} aria-labelledby={id} data-testid={testid}>
      <div class="card-head">
        <h2 id={id}>{title}</h2>
        {aside !== undefined && <div class="card-aside">{aside}</div>}
      </div>
      {children}
    </section>
  );
}
