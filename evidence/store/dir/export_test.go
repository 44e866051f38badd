package dir

// Before sets what is asked before each change to the file system, with its name.
func (s *Store) Before(f func(step string) error) { s.before = f }
