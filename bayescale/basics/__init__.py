"""Code that knows nothing of laws or runs: errors, files, quantities and units, wording, intervals, parallel work."""
