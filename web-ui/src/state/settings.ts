/** What the reader chose on this device. A browser that keeps nothing is no error: the choice then lasts a visit. */

type Setting = "language" | "theme";
const PREFIX = "hems.";

export function readSetting(name: Setting): string | null {
  try {
    return window.localStorage.getItem(PREFIX + name);
  } catch {
    return null; // storage is refused in some private windows
  }
}

export function writeSetting(name: Setting, value: string): void {
  try {
    window.localStorage.setItem(PREFIX + name, value);
  } catch {
    // as above
  }
}
