package budget

// MatchesReference reports whether a reference is one that a pattern is about.
func MatchesReference(pattern, reference string) bool { return pattern == reference }
