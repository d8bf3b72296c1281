// Requests of a file by Go's net/http: `go run clients.go BASE < cases.json`, outcomes as JSON.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
)

type request struct {
	Name, Method, Path string
	Headers            map[string]string
	Body               *string
	Chunked            bool
}

func outcome(client *http.Client, base string, one request) any {
	var body io.Reader
	if one.Body != nil {
		data, _ := base64.StdEncoding.DecodeString(*one.Body)
		body = bytes.NewReader(data)
		if one.Chunked {
			body = io.MultiReader(body) // of unknown length
		}
	}
	made, err := http.NewRequest(one.Method, base+one.Path, body)
	if err != nil {
		return err.Error()
	}
	for name, value := range one.Headers {
		made.Header.Set(name, value)
	}
	reply, err := client.Do(made)
	if err != nil {
		return err.Error()
	}
	defer reply.Body.Close()
	data, err := io.ReadAll(reply.Body)
	if err != nil {
		return err.Error()
	}
	headers := [][2]string{}
	for name, values := range reply.Header {
		for _, value := range values {
			headers = append(headers, [2]string{name, value})
		}
	}
	return []any{reply.StatusCode, headers, base64.StdEncoding.EncodeToString(data)}
}

func main() {
	var cases []request
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	found := map[string]any{}
	for _, one := range cases {
		found[one.Name] = outcome(client, os.Args[1], one)
	}
	_ = json.NewEncoder(os.Stdout).Encode(found)
}
