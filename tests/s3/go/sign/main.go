// Signs requests with minio-go's signers: a line of JSON for each request in, a line out. Sends nothing.
package main

import (
	"bufio"
	"encoding/json"
	"log"
	"net/http"
	"os"

	"github.com/minio/minio-go/v7/pkg/signer"
)

type question struct {
	Form    string // header, url, url2
	Method  string
	URL     string
	Headers map[string]string
	Access  string
	Secret  string
	Token   string
	Region  string
	Expires int64
}

type answer struct {
	Target  string // as net/http sends it
	Headers map[string]string
}

func sign(asked question) answer {
	request, err := http.NewRequest(asked.Method, asked.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	for name, value := range asked.Headers {
		request.Header.Set(name, value)
	}
	switch asked.Form {
	case "header":
		request.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
		request = signer.SignV4(*request, asked.Access, asked.Secret, asked.Token, asked.Region)
	case "url":
		request = signer.PreSignV4(*request, asked.Access, asked.Secret, asked.Token, asked.Region, asked.Expires)
	case "url2":
		request = signer.PreSignV2(*request, asked.Access, asked.Secret, asked.Expires, false)
	}
	headers := map[string]string{}
	for name := range request.Header {
		headers[name] = request.Header.Get(name)
	}
	return answer{Target: request.URL.RequestURI(), Headers: headers}
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			log.Fatal(err)
		}
		if err := out.Encode(sign(asked)); err != nil {
			log.Fatal(err)
		}
	}
}
