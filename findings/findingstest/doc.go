// Package findingstest makes sealed bundles for tests of what is read out of them: exhibits as a collector would keep them,
// through the same writer. Only tests import it.
package findingstest
