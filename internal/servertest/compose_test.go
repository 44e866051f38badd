package servertest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/mbaudit/mbaudit/internal/servertest"
)

type composeFile struct {
	Version  string
	Services map[string]struct {
		Image string
		Build struct{ Context, Dockerfile string }
		Ports []string
	}
}

// TestCompose checks what a container engine would not complain of: ports that others can reach, and images or packages
// that change under the same name.
func TestCompose(t *testing.T) {
	root := servertest.Root(t)
	raw, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var file composeFile
	if err := yaml.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if file.Version != "2.4" {
		t.Errorf("version is %q; version 1 of docker-compose reads 2.4", file.Version)
	}
	loopback := regexp.MustCompile(`^127\.0\.0\.1:\d+:\d+$`)
	tagged := regexp.MustCompile(`:\d[\w.-]*$`)
	for _, name := range []string{"dovecot", "s3", "tsa"} {
		service, ok := file.Services[name]
		if !ok {
			t.Errorf("there is no service %s", name)
			continue
		}
		if len(service.Ports) == 0 {
			t.Errorf("%s publishes no port", name)
		}
		for _, port := range service.Ports {
			if !loopback.MatchString(port) {
				t.Errorf("%s publishes %s, not on 127.0.0.1", name, port)
			}
		}
		if !tagged.MatchString(service.Image) {
			t.Errorf("%s has the image %s without a version", name, service.Image)
		}
		checkDockerfile(t, filepath.Join(root, service.Build.Context), service.Build.Dockerfile)
	}
}

// checkDockerfile checks that base images, packages and programs are pinned, and that what is copied exists.
func checkDockerfile(t *testing.T, context, name string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(context, name))
	if err != nil {
		t.Error(err)
		return
	}
	text := strings.ReplaceAll(string(raw), "\\\n", " ")
	from := regexp.MustCompile(`(?m)^FROM (debian:\d+\.\d+-slim|golang:\d+\.\d+\.\d+-\w+)( AS \w+)?$`)
	if all := regexp.MustCompile(`(?m)^FROM .*$`).FindAllString(text, -1); len(all) == 0 || len(all) != len(from.FindAllString(text, -1)) {
		t.Errorf("%s: a base image is not pinned to a version: %q", name, all)
	}
	for _, install := range regexp.MustCompile(`apt-get install (.*?)&&`).FindAllStringSubmatch(text, -1) {
		for _, word := range strings.Fields(install[1]) {
			if !strings.HasPrefix(word, "-") && !strings.Contains(word, "=") {
				t.Errorf("%s: package %s has no version", name, word)
			}
		}
	}
	for _, install := range regexp.MustCompile(`go install (\S+)`).FindAllStringSubmatch(text, -1) {
		if !regexp.MustCompile(`@v\d`).MatchString(install[1]) {
			t.Errorf("%s: %s has no version", name, install[1])
		}
	}
	for _, source := range regexp.MustCompile(`(?m)^COPY (?:--\S+ )?(\S+) \S+$`).FindAllStringSubmatch(text, -1) {
		if strings.HasPrefix(source[1], "/") {
			continue // from the stage before
		}
		if _, err := os.Stat(filepath.Join(context, source[1])); err != nil {
			t.Errorf("%s copies what is not there: %v", name, err)
		}
	}
}

// TestComposeReads lets each compose program that is installed read the file.
func TestComposeReads(t *testing.T) {
	root := servertest.Root(t)
	read := 0
	for _, program := range [][]string{{"docker", "compose"}, {"docker-compose"}} {
		if exec.Command(program[0], append(program[1:], "version")...).Run() != nil {
			continue
		}
		cmd := exec.Command(program[0], append(program[1:], "-f", "docker-compose.yml", "config")...)
		cmd.Dir = root
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "dovecot") {
			t.Errorf("%s: %v\n%s", strings.Join(program, " "), err, out)
		}
		read++
	}
	if read == 0 {
		t.Skip("SKIPPED: neither docker compose nor docker-compose is installed")
	}
}

// TestDovecotRunsTheContainersFile checks that local process and container share one configuration.
func TestDovecotRunsTheContainersFile(t *testing.T) {
	d := servertest.Dovecot(t)
	used, err := filepath.EvalSymlinks(filepath.Join(d.Dir, "dovecot.conf"))
	if err != nil {
		t.Fatal(err)
	}
	shared, err := filepath.EvalSymlinks(filepath.Join(servertest.Root(t), "testdata", "docker", "dovecot", "dovecot.conf"))
	if err != nil {
		t.Fatal(err)
	}
	if used != shared {
		t.Errorf("Dovecot runs %s, the container %s", used, shared)
	}
	if out := d.Doveadm(t, "config", "-h", "auth_master_user_separator"); strings.TrimSpace(out) != "*" {
		t.Errorf("the running configuration is another: %q", out)
	}
}
