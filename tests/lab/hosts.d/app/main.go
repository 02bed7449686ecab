// Package main is a service to ask over a cluster's network: `app` answers on port 8080 with its host's name, and
// `app get URL` prints what another answers. Called nvidia-smi, it says that all is well, as a probe of a GPU node would.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

func main() {
	if filepath.Base(os.Args[0]) == "nvidia-smi" {
		fmt.Println("no GPU, and all is well")
		return
	}
	if len(os.Args) == 3 && os.Args[1] == "get" {
		client := http.Client{Timeout: 2 * time.Second}
		answer, err := client.Get(os.Args[2])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		io.Copy(os.Stdout, answer.Body)
		return
	}
	name, _ := os.Hostname()
	http.HandleFunc("/", func(to http.ResponseWriter, _ *http.Request) { fmt.Fprintln(to, name) })
	if err := http.ListenAndServe(":8080", nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
