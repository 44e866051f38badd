// Package servertest starts the real servers that tests run against: Dovecot, Cyrus, an S3 gateway with Object Lock,
// and a timestamping authority, by the scripts in testdata/servers. Each call starts a server of its own on free ports of the
// loopback interface and in its own directory, and stops it when the test ends, so tests of several packages may run at
// once.
//
// A test whose server is not installed is skipped and says what to install, unless MBAUDIT_TEST_REQUIRE (a comma list of
// dovecot, cyrus, s3, tsa, and of python for Google's own Python client) names it: then the test fails. Only tests use
// this package.
package servertest
