package casefile

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// A Warning says why a directory is a bad place for a case: who is being examined, or an intruder, may read or change it.
type Warning struct {
	Kind    PlacementKind
	Service string // "OneDrive", "Syncthing", "cifs"
	Where   string // the folder, or the mount point, that says so
	Reason  string // in words

	// OwnOrganisation says that the folder bears the name of one of the own domains given to Placement.
	OwnOrganisation bool
}

// A PlacementKind is a sort of bad place.
type PlacementKind string

// The sorts of bad places.
const (
	Synchronised PlacementKind = "synchronised" // a copy of every file goes to a service, and changes come back from it
	Network      PlacementKind = "network"      // the files are on another machine
)

// String is one sentence.
func (w Warning) String() string {
	s := fmt.Sprintf("%s: %s", w.Where, w.Reason)
	if w.OwnOrganisation {
		s += "; it bears the name of the organisation that is examined"
	}
	return s
}

// Placement says what speaks against a directory, which need not be there yet, as the place of a case: that it lies
// inside a folder which some service synchronises (by the names of folders and the services' own marker files), or on a
// mount of another machine or of such a service (by /proc/self/mountinfo, where there is one). Nothing found is no
// proof: a service may use any folder. ownDomains are the mail domains of the organisation that is examined.
func Placement(dir string, ownDomains []string) []Warning {
	typed, err := filepath.Abs(dir)
	if err != nil {
		typed = filepath.Clean(dir)
	}
	resolved := resolve(typed)
	warnings := folderWarnings(typed)
	if resolved != typed {
		warnings = append(warnings, folderWarnings(resolved)...)
	}
	if isUNC(typed) {
		warnings = append(warnings, Warning{Kind: Network, Service: "share", Where: filepath.VolumeName(typed), Reason: "it is a share of another machine"})
	}
	if f, err := os.Open("/proc/self/mountinfo"); err == nil {
		warnings = append(warnings, mountWarnings(f, resolved)...)
		_ = f.Close()
	}
	var unique []Warning
	seen := make(map[string]bool)
	for _, w := range warnings {
		if key := string(w.Kind) + "\x00" + w.Service; !seen[key] {
			seen[key] = true
			w.OwnOrganisation = bearsName(typed+"/"+resolved+"/"+w.Where, ownDomains)
			unique = append(unique, w)
		}
	}
	return unique
}

// resolve follows the symbolic links of as much of the path as is there.
func resolve(path string) string {
	rest := ""
	for dir := path; ; dir = filepath.Dir(dir) {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			return filepath.Join(real, rest)
		}
		if dir == filepath.Dir(dir) {
			return path
		}
		rest = filepath.Join(filepath.Base(dir), rest)
	}
}

func isUNC(path string) bool {
	volume := filepath.VolumeName(path)
	return strings.HasPrefix(volume, `\\`) && !strings.HasPrefix(volume, `\\?\`) && !strings.HasPrefix(volume, `\\.\`)
}

// folderWarnings looks at the path's folders, from the innermost to the outermost.
func folderWarnings(path string) []Warning {
	var warnings []Warning
	for dir := path; ; dir = filepath.Dir(dir) {
		if service := serviceByName(filepath.Base(dir)); service != "" {
			warnings = append(warnings, Warning{Kind: Synchronised, Service: service, Where: dir, Reason: "by its name a folder that " + service + " synchronises"})
		}
		if service, marker := serviceByMarker(dir); service != "" {
			warnings = append(warnings, Warning{Kind: Synchronised, Service: service, Where: dir,
				Reason: fmt.Sprintf("%s synchronises this folder: there is %s in it", service, marker)})
		}
		if dir == filepath.Dir(dir) {
			return warnings
		}
	}
}

// serviceByName tells a service's folder by its name: "OneDrive - Example", "Dropbox (Example)", and the folders that
// macOS makes below Library/CloudStorage: "GoogleDrive-bob@example.com".
func serviceByName(name string) string {
	for _, s := range []struct {
		service string
		names   []string
	}{
		{"OneDrive", []string{"onedrive"}},
		{"SharePoint", []string{"sharepoint"}},
		{"Google Drive", []string{"google drive", "googledrive", "drivefs", "my drive", "mon drive"}},
		{"Dropbox", []string{"dropbox"}},
		{"iCloud", []string{"icloud drive", "iclouddrive", "icloud", "mobile documents", "com~apple~clouddocs"}},
		{"Nextcloud", []string{"nextcloud"}},
		{"ownCloud", []string{"owncloud"}},
		{"kDrive", []string{"kdrive"}},
		{"Box", []string{"box sync", "box-box"}},
		{"pCloud", []string{"pclouddrive", "pcloud drive"}},
		{"Proton Drive", []string{"proton drive", "protondrive"}},
		{"MEGA", []string{"megasync"}},
	} {
		for _, n := range s.names {
			rest, found := strings.CutPrefix(strings.ToLower(name), n)
			if found && (rest == "" || strings.HasPrefix(rest, " - ") || strings.HasPrefix(rest, " (") || strings.HasPrefix(rest, "-")) {
				return s.service
			}
		}
	}
	return ""
}

// serviceByMarker tells a service's folder by what its client leaves there.
func serviceByMarker(dir string) (service, marker string) {
	for _, m := range []struct {
		service, pattern string
		directory        bool
	}{
		{"Syncthing", ".stfolder", true},
		{"Dropbox", ".dropbox.cache", true},
		{"Dropbox", ".dropbox", false}, // in a home directory .dropbox is a directory, the client's settings
		{"Google Drive", ".tmp.drivedownload", true},
		{"Google Drive", ".tmp.driveupload", true},
		{"Nextcloud", ".nextcloudsync.log", false},
		{"ownCloud", ".owncloudsync.log", false},
		{"Nextcloud or ownCloud", ".sync_*.db", false},
		{"Nextcloud or ownCloud", "._sync_*.db", false},
		{"Nextcloud or ownCloud", ".csync_journal.db", false},
	} {
		if found := firstMatch(dir, m.pattern, m.directory); found != "" {
			return m.service, found
		}
	}
	return "", ""
}

// firstMatch finds a name in dir. The folder's own name may hold what a pattern would take for a sign.
func firstMatch(dir, pattern string, directory bool) string {
	if !strings.Contains(pattern, "*") {
		if info, err := os.Lstat(filepath.Join(dir, pattern)); err == nil && info.IsDir() == directory {
			return pattern
		}
		return ""
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	for _, e := range entries {
		if ok, _ := filepath.Match(pattern, e.Name()); ok && e.IsDir() == directory {
			return e.Name()
		}
	}
	return ""
}

// mountWarnings finds the mount that holds path in a mountinfo file (proc(5)) and judges its type.
func mountWarnings(mountinfo io.Reader, path string) []Warning {
	point, kind, source := "", "", ""
	lines := bufio.NewScanner(mountinfo)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		// 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw
		before, after, ok := strings.Cut(lines.Text(), " - ")
		fields, more := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(more) < 2 {
			continue
		}
		// Of two mounts on one point the later one is on top.
		if p := unescape(fields[4]); below(path, p) && len(p) >= len(point) {
			point, kind, source = p, more[0], unescape(more[1])
		}
	}
	if service := cloudMount(kind, source); service != "" {
		return []Warning{{Kind: Synchronised, Service: service, Where: point, Reason: fmt.Sprintf("a mount of %s (%s)", service, kind)}}
	}
	if networkMount(kind) {
		return []Warning{{Kind: Network, Service: kind, Where: point, Reason: fmt.Sprintf("a mount of another machine (%s of %s)", kind, source)}}
	}
	return nil
}

func below(path, point string) bool {
	return path == point || point == "/" || strings.HasPrefix(path, point+"/")
}

// unescape reads what the kernel writes for space, tab, line break and backslash.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// cloudMount names the service whose files a mount shows, empty if it is none.
func cloudMount(kind, source string) string {
	switch kind {
	case "fuse.google-drive-ocamlfuse", "fuse.drivefs":
		return "Google Drive"
	case "fuse.onedriver":
		return "OneDrive"
	case "fuse.rclone":
		return "rclone"
	case "fuse.pcloud", "fuse.pfs", "fuse.pCloud.fs":
		return "pCloud"
	case "fuse.dbxfs":
		return "Dropbox"
	case "fuse.insync":
		return "Insync"
	}
	if strings.HasPrefix(kind, "fuse") {
		switch {
		case strings.HasPrefix(source, "google-drive-ocamlfuse"):
			return "Google Drive"
		case strings.HasPrefix(source, "onedriver"):
			return "OneDrive"
		}
	}
	return ""
}

func networkMount(kind string) bool {
	switch kind {
	case "cifs", "smb3", "smbfs", "smb2", "nfs", "nfs4", "ncpfs", "afs", "coda", "ceph", "lustre", "glusterfs", "davfs", "beegfs", "gpfs",
		"fuse.sshfs", "fuse.davfs", "fuse.davfs2", "fuse.glusterfs", "fuse.ceph", "fuse.ceph-fuse", "fuse.s3fs", "fuse.goofys", "fuse.gcsfuse", "fuse.gcsf",
		"fuse.gvfsd-fuse", "fuse.curlftpfs", "fuse.juicefs", "fuse.smbnetfs", "fuse.blobfuse", "fuse.blobfuse2", "fuse.mount-s3", "fuse.kio-fuse":
		return true
	}
	return false
}

// bearsName says whether a path names one of the domains, whole or by the label before its ending: "OneDrive - Example".
func bearsName(path string, domains []string) bool {
	path = strings.ToLower(path)
	for _, domain := range domains {
		domain = strings.ToLower(strings.Trim(domain, ". @"))
		if domain == "" {
			continue
		}
		labels := strings.Split(domain, ".")
		name := labels[max(0, len(labels)-2)]
		for _, word := range []string{domain, name} {
			if len(word) >= 3 && regexp.MustCompile(`(^|[^\pL\pN])`+regexp.QuoteMeta(word)+`($|[^\pL\pN])`).MatchString(path) {
				return true
			}
		}
	}
	return false
}
