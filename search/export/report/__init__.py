"""The report: one HTML file with everything inside, readable without a network, on paper and in the dark."""
