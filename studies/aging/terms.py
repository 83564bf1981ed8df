"""What the numbers of the aging study are called in its records: metrics, and headings (`Record.contrast`)."""

from __future__ import annotations

UNIT = "log-% / year"
"""Of rates of change."""
EVERYBODY = "everybody"
"""What the tables call people of all groups; their records have no group."""

# Headings of the sound rule.
BIAS, ABSOLUTE, SQUARED, LESS = "slope bias", "mean absolute", "root mean square", "mean absolute less no change's"
NO_CHANGE, TRAINING = "skill: no change", "skill: training rate"
CONCORDANCE, SIGN, VERDICT = "concordance", "same sign", "against no change"
OWN = "own scan nearest"

# Headings of the paper's rule.
NMSE, MEDIAN = "NMSE", "NMSE, median"
R, TWO_VISITS, LONG_R, R_WARNING = "r", "r, of whom 2 visits", "r, 4 visits or more", "r, warning"

# Facts about a group.
PEOPLE, VISITS, FOLLOW_UPS = "people", ("2 visits", "3 visits", "4 or more visits"), "follow-ups"
REAL_RATE, REAL_RATE_SD, TRAINING_RATE = "real slope", "real slope s.d.", "training slope"
DETECTABLE = "detectable slope bias"

# Of a row in a group: people, and two rows compared.
DROPPED = "people without an image"
RATIO, T, P_T, P, P_HOLM = "NMSE ratio", "t (paper)", "p (paper)", "p (Wilcoxon)", "p (Holm)"
COMPARED = (RATIO, T, P_T, P, P_HOLM)

VENTRICLES = "ventricles"
"""Volume (mL) of a person by age."""
