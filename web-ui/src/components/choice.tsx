/** One of a few: a group of radio buttons that look like one bar. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

export interface ChoiceProps<T extends string | number> {
  label: string;
  options: readonly { value: T; text: ComponentChildren; title?: string; testid?: string }[];
  value: T | null;
  onChoose: (value: T) => void;
  /** Whether the label is shown, not only read out. */
  shown?: boolean;
  testid?: string;
}

let groups = 0;

export function Choice<T extends string | number>({ label, options, value, onChoose, shown = false, testid }: ChoiceProps<T>) {
  const [name] = useState(() => `choice-${(groups += 1)}`);
  return (
    <fieldset class="choice" data-testid={testid}>
      <legend class={shown ? "" : "unseen"}>{label}</legend>
      <div class="choice-bar">
        {options.map((option) => (
          <label key={option.value} title={option.title} data-testid={option.testid}>
            <input
              type="radio"
              name={name}
              value={option.value}
              checked={option.value === value}
              onChange={() => onChoose(option.value)}
            />
            <span>{option.text}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
