#!/bin/bash
# install.sh [--minio|--bench|--browser]: sees to it that what the servers for tests need is installed: Debian packages as root,
# versitygw (and with --minio the pinned MinIO) with go install; with --bench mbsync (isync), which the benchmarks compare
# with; with --browser chromium and pdftotext (poppler-utils), for the report on paper. Cyrus' packages, which cannot be installed beside Dovecot's, are unpacked into a directory. Google's Python client is
# installed as well where that is possible. Says nothing when all is there. As another user than root it names what is
# missing and the command that installs it, and exits 1.
set -eu
PATH=$PATH:/usr/sbin:/sbin
cyrus=/usr/local/lib/mbaudit-cyrus # where cyrus.sh looks too
versitygw=github.com/versity/versitygw/cmd/versitygw@v1.8.0
minio=github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c

fail() {
	printf 'install.sh: %s\n' "$*" >&2
	exit 1
}

# missing_packages prints the packages whose program or library is not there.
missing_packages() {
	command -v dovecot >/dev/null || echo dovecot-core
	[ -x /usr/lib/dovecot/imap ] || echo dovecot-imapd
	[ -x /usr/lib/dovecot/managesieve ] || echo dovecot-managesieved
	[ -e /usr/lib/dovecot/modules/lib90_sieve_plugin.so ] || echo dovecot-sieve
	command -v openssl >/dev/null || echo openssl
	command -v unzip >/dev/null || echo unzip
	command -v ssh-keygen >/dev/null || echo openssh-client
	# Other people's tools, which must read what the product wrote.
	command -v minisign >/dev/null || echo minisign
	command -v age >/dev/null || echo age
	command -v xxd >/dev/null || echo xxd
	# The race detector needs a C compiler.
	if ! command -v cc >/dev/null && ! command -v gcc >/dev/null; then
		echo gcc
	fi
	[ -e /usr/include/stdlib.h ] || echo libc6-dev
}

# install_packages [OPTION] NAME… without starting the services that Debian would start.
install_packages() {
	local policy=/usr/sbin/policy-rc.d made=no status=0
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod +x "$policy"
		made=yes
	fi
	export DEBIAN_FRONTEND=noninteractive
	if ! { apt-get -q update && apt-get -q install -y --no-install-recommends "$@"; } >&2; then
		status=1
	fi
	[ "$made" = no ] || rm -f "$policy"
	return "$status"
}

# unpack_cyrus puts the programs of Debian's Cyrus where cyrus.sh finds them, and installs the libraries that they need.
# apt checks signature and digest of what it downloads. Nothing of the packages' own set-up is run: no user, no service.
unpack_cyrus() {
	local work packages=(cyrus-common cyrus-imapd sasl2-bin) libraries
	work=$(mktemp -d)
	(
		cd "$work"
		{ apt-get -q -o APT::Sandbox::User=root download "${packages[@]}" ||
			{ apt-get -q update && apt-get -q -o APT::Sandbox::User=root download "${packages[@]}"; }; } >&2
		for deb in ./*.deb; do
			dpkg-deb -x "$deb" "$work/tree"
		done
	) || fail "downloading ${packages[*]} did not succeed"
	mapfile -t libraries < <(for deb in "$work"/*.deb; do dpkg-deb -f "$deb" Depends; done |
		tr ',' '\n' | sed -n 's/^ *\(lib[a-z0-9.+-]*\).*/\1/p' | sort -u)
	install_packages --no-upgrade "${libraries[@]}" || fail "installing ${libraries[*]} did not succeed"
	rm -rf "$cyrus"
	mkdir -p "$cyrus"
	cp -R "$work"/tree/usr "$cyrus/"
	chmod -R go=rX "$cyrus"
	rm -rf "$work"
}

# go_bin prints where go install puts programs.
go_bin() {
	local bin
	bin=$(go env GOBIN)
	printf '%s\n' "${bin:-$(go env GOPATH)/bin}"
}

# install_go PACKAGE@VERSION unless the program is there in that version.
install_go() {
	local package=${1%@*} version=${1#*@} program path
	program=${package##*/}
	for path in "$(command -v "$program" || true)" "$(go_bin)/$program"; do
		if [ -x "$path" ] && go version -m "$path" 2>/dev/null | grep -q "^[[:space:]]mod.*[[:space:]]$version\([[:space:]]\|$\)"; then
			return
		fi
	done
	go install "$1" >&2 || fail "go install $1 did not succeed"
}

mapfile -t packages < <(missing_packages)
if [ "${1:-}" = --bench ] && ! command -v mbsync >/dev/null; then
	packages+=(isync)
fi
if [ "${1:-}" = --browser ]; then
	command -v chromium >/dev/null || packages+=(chromium)
	command -v pdftotext >/dev/null || packages+=(poppler-utils)
fi
if [ ! -x "$cyrus/usr/lib/cyrus/bin/imapd" ] && [ "$(id -u)" != 0 ]; then
	fail "missing: ${packages[*]+"${packages[*]} and "}cyrus-imapd, unpacked in $cyrus; to install: sudo testdata/servers/install.sh"
fi
if [ "${#packages[@]}" -gt 0 ]; then
	if [ "$(id -u)" != 0 ]; then
		fail "missing: ${packages[*]}; to install: sudo apt-get install --no-install-recommends ${packages[*]}"
	fi
	command -v apt-get >/dev/null || fail "missing: ${packages[*]}; there is no apt-get here to install them with"
	install_packages "${packages[@]}" || fail "installing ${packages[*]} did not succeed"
fi
if [ ! -x "$cyrus/usr/lib/cyrus/bin/imapd" ]; then
	unpack_cyrus
fi
# Google's Python client is not in every distribution; where it is missing, its test is skipped and says so.
if [ "$(id -u)" = 0 ] && ! /usr/bin/python3 -c 'import googleapiclient' 2>/dev/null && command -v apt-get >/dev/null; then
	install_packages python3-googleapi || echo "install.sh: python3-googleapi could not be installed; tests do without" >&2
fi
command -v go >/dev/null || fail "missing: go 1.26 or newer, see https://go.dev/doc/install"
install_go "$versitygw"
if [ "${1:-}" = --minio ]; then
	install_go "$minio"
fi
