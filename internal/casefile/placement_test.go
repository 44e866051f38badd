package casefile

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestPlacementByName(t *testing.T) {
	root := t.TempDir()
	for _, c := range []struct {
		path, service string
		own           bool
	}{
		{"OneDrive - Example SAS/Documents/2026-0042", "OneDrive", true},
		{"OneDrive/2026-0042", "OneDrive", false},
		{"Dropbox (Example)/x", "Dropbox", true},
		{"Library/CloudStorage/GoogleDrive-bob@example.com/My Drive/x", "Google Drive", true},
		{"Library/Mobile Documents/com~apple~CloudDocs/x", "iCloud", false},
		{"Nextcloud/x", "Nextcloud", false},
		{"ownCloud/x", "ownCloud", false},
		{"kDrive/x", "kDrive", false},
		{"usb/2026-0042", "", false},
		{"onedriver-notes/x", "", false},
		{"Dropboxes/x", "", false},
	} {
		warnings := Placement(filepath.Join(root, filepath.FromSlash(c.path)), []string{"Example.com"})
		switch {
		case c.service == "" && len(warnings) != 0:
			t.Errorf("%s: %v", c.path, warnings)
		case c.service != "" && (len(warnings) != 1 || warnings[0].Kind != Synchronised || warnings[0].Service != c.service || warnings[0].OwnOrganisation != c.own):
			t.Errorf("%s: %+v", c.path, warnings)
		}
	}
}

func TestPlacementByMarker(t *testing.T) {
	for _, c := range []struct {
		marker, service string
		directory       bool
	}{
		{".stfolder", "Syncthing", true},
		{".stfolder", "", false},
		{".dropbox.cache", "Dropbox", true},
		{".dropbox", "Dropbox", false},
		{".dropbox", "", true}, // the settings in a home directory
		{".tmp.drivedownload", "Google Drive", true},
		{".sync_0123456789ab.db", "Nextcloud or ownCloud", false},
		{"._sync_0123456789ab.db", "Nextcloud or ownCloud", false},
	} {
		dir := filepath.Join(t.TempDir(), "with [signs*] of a pattern")
		if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o700); err != nil {
			t.Fatal(err)
		}
		marker := filepath.Join(dir, c.marker)
		err := os.WriteFile(marker, nil, 0o600)
		if c.directory {
			_, err = os.Remove(marker), os.Mkdir(marker, 0o700)
		}
		if err != nil {
			t.Fatal(err)
		}
		warnings := Placement(filepath.Join(dir, "sub", "not there yet", "case"), nil)
		switch {
		case c.service == "" && len(warnings) != 0:
			t.Errorf("%s: %v", c.marker, warnings)
		case c.service != "" && (len(warnings) != 1 || warnings[0].Service != c.service || warnings[0].Where != dir):
			t.Errorf("%s: %+v", c.marker, warnings)
		}
	}
}

// A link from elsewhere leads into the folder.
func TestPlacementFollowsLinks(t *testing.T) {
	root := t.TempDir()
	inside := filepath.Join(root, "OneDrive - Contoso", "cases")
	if err := os.MkdirAll(inside, 0o700); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(root, "cases")
	if err := os.Symlink(inside, link); err != nil {
		t.Skipf("this system makes no symbolic links: %v", err)
	}
	if warnings := Placement(filepath.Join(link, "2026-0042"), nil); len(warnings) != 1 || warnings[0].Service != "OneDrive" {
		t.Errorf("%v", warnings)
	}
}

// mounts is a mountinfo file with a mount of each sort that matters.
const mounts = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /proc rw - proc proc rw
40 22 0:50 / /mnt/share rw,relatime shared:30 - cifs //server/share rw,vers=3.1.1
41 22 0:51 / /mnt/nfs rw - nfs4 10.0.0.5:/export rw
42 22 0:52 / /home/bob/g\040drive rw,nosuid - fuse.google-drive-ocamlfuse google-drive-ocamlfuse rw
43 22 0:53 / /home/bob/remote rw,nosuid - fuse.rclone onedrive: rw
44 22 0:54 / /mnt/ssh rw - fuse.sshfs bob@host:/ rw
45 40 8:17 / /mnt/share/usb rw - vfat /dev/sdb1 rw
46 22 8:33 / /mnt/usb rw - exfat /dev/sdc1 rw
47 22 0:60 / /mnt/usb rw - nfs 10.0.0.5:/over rw
48 22 0:61 / /run/user/1000/gvfs rw - fuse.gvfsd-fuse gvfsd-fuse rw
49 22 0:62 / /mnt/onedrive rw - fuse onedriver rw
nonsense
`

func TestPlacementByMount(t *testing.T) {
	for path, want := range map[string]string{
		"/home/bob/case":            "",
		"/mnt/shared/case":          "",
		"/mnt/share/case":           "network cifs /mnt/share",
		"/mnt/share":                "network cifs /mnt/share",
		"/mnt/share/usb/case":       "",
		"/mnt/nfs/x":                "network nfs4 /mnt/nfs",
		"/home/bob/g drive/x":       "synchronised Google Drive /home/bob/g drive",
		"/home/bob/remote/x":        "synchronised rclone /home/bob/remote",
		"/mnt/ssh/x":                "network fuse.sshfs /mnt/ssh",
		"/mnt/usb/x":                "network nfs /mnt/usb",
		"/run/user/1000/gvfs/smb/x": "network fuse.gvfsd-fuse /run/user/1000/gvfs",
		"/mnt/onedrive/x":           "synchronised OneDrive /mnt/onedrive",
	} {
		got := ""
		for _, w := range mountWarnings(strings.NewReader(mounts), path) {
			got = strings.TrimSpace(string(w.Kind) + " " + w.Service + " " + w.Where)
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

// The kernel's own file reads as findmnt reads it.
func TestPlacementOfARealMount(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no mountinfo here")
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("findmnt", "-n", "-o", "FSTYPE", "-T", dir).Output()
	if err != nil {
		t.Skipf("findmnt: %v", err)
	}
	kind := strings.TrimSpace(string(out))
	if warnings := Placement(dir, nil); (len(warnings) > 0) != (networkMount(kind) || cloudMount(kind, "") != "") {
		t.Errorf("on %s: %v", kind, warnings)
	}
}
