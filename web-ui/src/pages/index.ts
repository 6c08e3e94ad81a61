/** Which component shows which page. */
import type { ComponentType } from "preact";
import type { PageName } from "../router";
import { Now } from "./now/page";
import { Plan } from "./plan/page";
import { History } from "./history/page";
import { Savings } from "./savings/page";
import { System } from "./system/page";

export const pages: Record<PageName, ComponentType> = {
  now: Now,
  plan: Plan,
  history: History,
  savings: Savings,
  system: System,
};
