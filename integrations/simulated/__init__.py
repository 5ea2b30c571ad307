"""Every port over one simulated world: the playground's cluster and the tests' fakes."""
