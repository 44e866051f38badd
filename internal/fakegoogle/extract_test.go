package fakegoogle

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "make discovery.json anew from the module google.golang.org/api")

// A document is one of Google's discovery documents, as far as the tests read it.
type document struct {
	Name        string                    `json:"name"`
	Version     string                    `json:"version"`
	Title       string                    `json:"title"`
	Revision    string                    `json:"revision"`
	RootURL     string                    `json:"rootUrl"`
	ServicePath string                    `json:"servicePath"`
	Parameters  map[string]schema         `json:"parameters"`
	Schemas     map[string]schema         `json:"schemas"`
	Methods     map[string]documentMethod `json:"methods"`
	Resources   map[string]resource       `json:"resources"`
	Auth        struct {
		OAuth2 struct {
			Scopes map[string]any `json:"scopes"`
		} `json:"oauth2"`
	} `json:"auth"`
}

type resource struct {
	Methods   map[string]documentMethod `json:"methods"`
	Resources map[string]resource       `json:"resources"`
}

type documentMethod struct {
	ID         string            `json:"id"`
	HTTPMethod string            `json:"httpMethod"`
	Path       string            `json:"path"`
	FlatPath   string            `json:"flatPath"`
	Parameters map[string]schema `json:"parameters"`
	Scopes     []string          `json:"scopes"`
	Request    schema            `json:"request"`
	Response   schema            `json:"response"`
}

// documents are those that a tenant serves something of.
func documentNames() []string {
	return []string{"gmail/v1/gmail-api.json", "admin/directory/v1/admin-api.json", "admin/reports/v1/admin-api.json",
		"alertcenter/v1beta1/alertcenter-api.json", "cloudidentity/v1/cloudidentity-api.json", "drive/v3/drive-api.json",
		"driveactivity/v2/driveactivity-api.json", "calendar/v3/calendar-api.json", "vault/v1/vault-api.json",
		"groupssettings/v1/groupssettings-api.json", "script/v1/script-api.json"}
}

// module returns the directory and the name and version of Google's module.
func module(t testing.TB) (dir, version string) {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}\n{{.Path}} {{.Version}}", "google.golang.org/api").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir, version, _ = strings.Cut(strings.TrimSpace(string(out)), "\n")
	if dir == "" {
		t.Fatal("google.golang.org/api is not in the module cache: go mod download google.golang.org/api")
	}
	return dir, version
}

func readDocument(t testing.TB, dir, name string) document {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return d
}

// methods returns all methods of a document.
func (d document) methods() []documentMethod {
	var all []documentMethod
	var walk func(methods map[string]documentMethod, resources map[string]resource)
	walk = func(methods map[string]documentMethod, resources map[string]resource) {
		for _, m := range methods {
			all = append(all, m)
		}
		for _, r := range resources {
			walk(r.Methods, r.Resources)
		}
	}
	walk(d.Methods, d.Resources)
	slices.SortFunc(all, func(a, b documentMethod) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// path is a method's path from the root of the host, without resource names that span segments.
func (d document) path(m documentMethod) string {
	path := m.FlatPath
	if path == "" {
		path = m.Path
	}
	return d.ServicePath + path
}

// TestExtract holds discovery.json, by which the tenant routes, checks and authorises, to Google's documents.
func TestExtract(t *testing.T) {
	dir, version := module(t)
	want := extract{Module: version}
	served := handlers()
	for _, name := range documentNames() {
		if api := extractAPI(readDocument(t, dir, name), name, served); len(api.Methods) > 0 {
			want.APIs = append(want.APIs, api)
		}
	}
	for id := range served {
		t.Errorf("%s is served, but no discovery document has it", id)
	}
	raw, err := json.MarshalIndent(want, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	raw = append(raw, '\n')
	if *update {
		if err := os.WriteFile("discovery.json", raw, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(raw, discoveryJSON) {
		t.Error("discovery.json is not what Google's discovery documents say: go test ./internal/fakegoogle -run TestExtract -update")
	}
}

// extractAPI takes from a document what is served, and strikes it off the list.
func extractAPI(d document, name string, served map[string]handler) apiDiscovery {
	api := apiDiscovery{Document: name, Name: d.Name, Title: d.Title, Revision: d.Revision, Parameters: map[string]schema{}, Schemas: map[string]schema{}}
	api.Host = strings.Trim(strings.TrimPrefix(d.RootURL, "https://"), "/")
	for scope := range d.Auth.OAuth2.Scopes {
		api.Scopes = append(api.Scopes, scope)
	}
	slices.Sort(api.Scopes)
	for name, s := range d.Parameters {
		api.Parameters[name] = schema{Type: s.Type, Enum: s.Enum, Repeated: s.Repeated}
	}
	for _, m := range d.methods() {
		if served[m.ID] == nil {
			continue
		}
		delete(served, m.ID)
		kept := method{ID: m.ID, Verb: m.HTTPMethod, Path: d.path(m), Scopes: m.Scopes, Request: m.Request.Ref, Response: m.Response.Ref,
			Parameters: map[string]schema{}}
		for name, p := range m.Parameters {
			if p.Location == "query" {
				p.Location = ""
				kept.Parameters[name] = p
			}
		}
		api.Methods = append(api.Methods, kept)
		d.collect(m.Request, api.Schemas)
	}
	return api
}

// collect copies a schema and those that it refers to.
func (d document) collect(s schema, into map[string]schema) {
	if s.Ref != "" {
		if _, have := into[s.Ref]; have {
			return
		}
		into[s.Ref] = d.Schemas[s.Ref]
		d.collect(d.Schemas[s.Ref], into)
	}
	for _, p := range s.Properties {
		d.collect(p, into)
	}
	if s.Items != nil {
		d.collect(*s.Items, into)
	}
	if s.Additional != nil {
		d.collect(*s.Additional, into)
	}
}
