package store

// SetPageUnits makes the store's pages end by another budget than PageUnits.
func (s *Store) SetPageUnits(units float64) { s.pageUnits = units }
