"""Speed, measured. Rule: figures are printed, as medians and ratios of one run; no build fails by them."""
