/** Line icons on a grid of 24, drawn in the colour of the text. They say nothing to a screen reader: words stand beside. */

const PATHS = {
  now: "M12 3v3M12 18v3M3 12h3M18 12h3M12 8.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7z",
  plan: "M4 19V9l4 3 4-7 4 5 4-2v11zM4 15l4 1 4-4 4 3 4-2",
  history: "M4 12a8 8 0 1 0 2.600-5.900M4 4v4h4M12 8v4.500l3 2",
  savings: "M4 20h16M7 16.500v-4M12 16.500v-8M17 16.500V4",
  system: "M4 7h10M18 7h2M16 5v4M4 12h2M10 12h10M8 10v4M4 17h8M16 17h4M14 15v4",
  pv: "M12 7.500a4.500 4.500 0 1 0 0 9 4.500 4.500 0 0 0 0-9zM12 2.500v2M12 19.500v2M2.500 12h2M19.500 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M5.300 18.700l1.400-1.400M17.300 6.700l1.400-1.400",
  battery: "M4 8h14v8H4zM20.500 10.500v3M7 11v2M10 11v2",
  grid: "M8 21 11 3h2l3 18M6 8h12M5 12.500h14M9 17l5.500-4.500M15 17l-5.500-4.500",
  house: "M4 11.500 12 4.500l8 7M6.500 10v9.500h11V10M10.500 19.500v-5h3v5",
  bolt: "M13 3 6 13.500h5L10 21l8-11h-5.500z",
  self_use: "M5 12a7 7 0 0 1 12-4.900M19 12a7 7 0 0 1-12 4.900M17.500 3.500v4h-4M6.500 20.500v-4h4",
  charge: "M12 20V6M6 12l6-6 6 6",
  discharge: "M12 4v14M6 12l6 6 6-6",
  hold: "M7 11V8a5 5 0 0 1 10 0v3M5.500 11h13v9h-13z",
  no_charge: "M12 19V9M7.500 13.500 12 9l4.500 4.500M5 5h14",
  standby: "M9 6v12M15 6v12",
  pause: "M9 6v12M15 6v12",
  stop: "M8.200 3h7.600L21 8.200v7.600L15.800 21H8.200L3 15.800V8.200zM12 7.500v5.500M12 16.200v.3",
  release: "M5.500 11h13v9h-13zM7 11V8a5 5 0 0 1 9.600-2",
  warning: "M12 4 2.800 19.500h18.400zM12 10v4.500M12 17v.3",
  info: "M12 3.500a8.500 8.500 0 1 0 0 17 8.500 8.500 0 0 0 0-17zM12 11v5.500M12 7.700v.3",
  check: "M5 12.500 10 17.500 19.500 7",
  cross: "M6 6l12 12M18 6 6 18",
  clock: "M12 3.500a8.500 8.500 0 1 0 0 17 8.500 8.500 0 0 0 0-17zM12 7.500V12l3 2",
  strategy: "M5 19V5M5 6h12l-2.500 3.500L17 13H5",
  auto: "M12 3.500a8.500 8.500 0 1 0 0 17zM12 3.500a8.500 8.500 0 0 1 0 17z",
  light: "M12 7.500a4.500 4.500 0 1 0 0 9 4.500 4.500 0 0 0 0-9zM12 2.500v2M12 19.500v2M2.500 12h2M19.500 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M5.300 18.700l1.400-1.400M17.300 6.700l1.400-1.400",
  dark: "M19.500 14.500A8 8 0 0 1 9.500 4.500a8 8 0 1 0 10 10z",
  leave: "M14 4H6v16h8M10 12h10.500M17 8l4 4-4 4",
  arrow: "M5 12h14M13 6l6 6-6 6",
  download: "M12 4v11M7 10.500l5 5 5-5M5 20h14",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 24 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" width={size} height={size} aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The same inside another drawing, its middle at (x, y). */
export function IconAt({ name, x, y, size }: { name: IconName; x: number; y: number; size: number }) {
  return (
    <g class="icon" transform={`translate(${x - size / 2} ${y - size / 2}) scale(${size / 24})`} aria-hidden="true">
      <path d={PATHS[name]} />
    </g>
  );
}
