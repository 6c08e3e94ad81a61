"""Tables that a person brings or takes away: measured homes, prices, results. Everything here needs numpy."""
