"""Questions over what is loaded or counted: facets, timeline, novelty, pivots, search, hints, who."""
