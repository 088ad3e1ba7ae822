package store

// SetPageUnits makes the store's pages end by another budget than PageUnits.
func (s *Store) SetPageUnits(units float64) { s.pageUnits = units }

// SetStreamUnits makes the store's pages have so many units for each stream.
func (s *Store) SetStreamUnits(units float64) { s.streamUnits = units }
