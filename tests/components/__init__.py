"""Components: what their files cost, beside what their pages test."""
