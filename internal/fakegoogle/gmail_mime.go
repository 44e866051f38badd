package fakegoogle

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"slices"
	"strings"
)

const mimeDepth = 20

// payload takes a message apart as messages.get does with format=full. What is not MIME as it should be is text.
func payload(raw []byte) object { return part(raw, "", 0) }

func part(raw []byte, id string, depth int) object {
	headers, body := splitPart(raw)
	o := object{"partId": id, "filename": "", "headers": headers, "mimeType": "text/plain"}
	media, parameters, err := mime.ParseMediaType(headerValue(headers, "Content-Type"))
	if err == nil {
		o["mimeType"] = media
	}
	_, disposition, _ := mime.ParseMediaType(headerValue(headers, "Content-Disposition"))
	if name := disposition["filename"] + parameters["name"]; name != "" {
		o["filename"] = strings.ToValidUTF8(firstOf(disposition["filename"], parameters["name"]), "\uFFFD")
	}
	if boundary := parameters["boundary"]; strings.HasPrefix(media, "multipart/") && boundary != "" && depth < mimeDepth {
		o["body"] = object{"size": 0}
		o["parts"] = parts(body, boundary, id, depth)
		return o
	}
	content := decodeTransfer(body, headerValue(headers, "Content-Transfer-Encoding"))
	if text(o, "filename") != "" {
		o["body"] = object{"size": len(content), "attachmentId": "ANGjdJ-" + id}
	} else {
		o["body"] = object{"size": len(content), "data": base64.URLEncoding.EncodeToString(content)}
	}
	return o
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func parts(body []byte, boundary, id string, depth int) []any {
	var out []any
	r := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		p, err := r.NextRawPart()
		if err != nil {
			return out
		}
		content, _ := io.ReadAll(p) // a part that ends early is shown as far as it goes
		var raw bytes.Buffer
		for _, name := range slices.Sorted(maps.Keys(p.Header)) {
			for _, value := range p.Header[name] {
				fmt.Fprintf(&raw, "%s: %s\r\n", name, value)
			}
		}
		raw.WriteString("\r\n")
		raw.Write(content)
		out = append(out, part(raw.Bytes(), strings.TrimPrefix(fmt.Sprintf("%s.%d", id, len(out)), "."), depth+1))
	}
}

// splitPart parts header fields from the body. Folded lines are joined; lines without a colon are left out.
func splitPart(raw []byte) ([]any, []byte) {
	head, body, found := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !found {
		head, body, _ = bytes.Cut(raw, []byte("\n\n"))
	}
	headers := []any{}
	for line := range strings.Lines(string(head)) {
		line = strings.TrimRight(strings.ToValidUTF8(line, "\uFFFD"), "\r\n")
		if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") {
			if len(headers) > 0 {
				last := headers[len(headers)-1].(object)
				last["value"] = text(last, "value") + " " + strings.TrimLeft(line, " \t")
			}
			continue
		}
		if name, value, ok := strings.Cut(line, ":"); ok {
			headers = append(headers, object{"name": name, "value": strings.TrimSpace(value)})
		}
	}
	return headers, body
}

func headerValue(headers []any, name string) string {
	for _, h := range headers {
		if o := h.(object); strings.EqualFold(text(o, "name"), name) {
			return text(o, "value")
		}
	}
	return ""
}

func decodeTransfer(body []byte, encoding string) []byte {
	var r io.Reader = bytes.NewReader(body)
	switch strings.ToLower(encoding) {
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, r)
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	}
	decoded, err := io.ReadAll(r)
	if err != nil {
		return body
	}
	return decoded
}

// attachment finds the bytes of an attachment by its id.
func attachment(raw []byte, id string) ([]byte, bool) {
	want, ok := strings.CutPrefix(id, "ANGjdJ-")
	if !ok {
		return nil, false
	}
	headers, body := splitPart(raw)
	if want == "" {
		return decodeTransfer(body, headerValue(headers, "Content-Transfer-Encoding")), true
	}
	var number int
	first, rest, _ := strings.Cut(want, ".")
	if _, err := fmt.Sscan(first, &number); err != nil {
		return nil, false
	}
	_, parameters, _ := mime.ParseMediaType(headerValue(headers, "Content-Type"))
	r := multipart.NewReader(bytes.NewReader(body), parameters["boundary"])
	for i := 0; ; i++ {
		p, err := r.NextRawPart()
		if err != nil {
			return nil, false
		}
		content, _ := io.ReadAll(p)
		if i == number {
			inner := append([]byte("Content-Type: "+p.Header.Get("Content-Type")+"\r\nContent-Transfer-Encoding: "+p.Header.Get("Content-Transfer-Encoding")+"\r\n\r\n"), content...)
			return attachment(inner, "ANGjdJ-"+rest)
		}
	}
}
