"""Speed, measured. Rule: figures are printed, as ratios and medians of one run; nothing here can fail a build."""
