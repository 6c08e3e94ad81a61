"""All safety rules, and the one function that runs them over a snapshot. Pure and cheap: it runs on every poll."""

from __future__ import annotations

from dataclasses import dataclass

from hems.domain.readings import Quality
from hems.domain.safety import Violation
from hems.safety.battery_rules import ALARM_RULES, BATTERY_RULES
from hems.safety.rule import CANNOT_TELL, Rule, RuleInput
from hems.safety.site_rules import COMMUNICATION_RULE, SITE_RULES

RULES: tuple[Rule, ...] = (*BATTERY_RULES, *ALARM_RULES, *SITE_RULES, COMMUNICATION_RULE)
"""Every rule once, in the order of the table in ``docs/safety.md``."""

RULES_BY_KEY = {rule.key: rule for rule in RULES}

_PLAIN_RULES = (*BATTERY_RULES, *SITE_RULES, COMMUNICATION_RULE)


@dataclass(frozen=True, slots=True)
class Findings:
    """What the rules say: the violations by rule key, and the keys of the rules that could not tell."""

    violations: dict[str, Violation]
    untold: frozenset[str]


NOTHING_FOUND = Findings({}, frozenset(RULES_BY_KEY))
"""Before anything has been looked at: no violation, and no rule that could tell."""


def find_violations(site: RuleInput) -> Findings:
    """Return every violation of ``site``; where the inverter is lost, no other rule can tell anything."""
    if site.lost is not None:
        lost = {COMMUNICATION_RULE.key: COMMUNICATION_RULE.violation(site.lost)}
        return Findings(lost, frozenset(RULES_BY_KEY) - set(lost))
    # Sixteen alarm checks are sixteen times nothing on a healthy battery: skip them together.
    battery = site.snapshot.battery
    silent = not battery.alarms and battery.quality is not Quality.MISSING
    violations: dict[str, Violation] = {}
    untold: list[str] = []
    for rule in _PLAIN_RULES if silent else RULES:
        answer = rule.check(site)
        if answer is CANNOT_TELL:
            untold.append(rule.key)
        elif answer is not None:
            violations[rule.key] = rule.violation(str(answer))
    return Findings(violations, frozenset(untold))
