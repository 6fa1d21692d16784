// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e && objectstore

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/process"
)

// objectServers start a server of each protocol with a bucket, and return the URL
// of a prefix in it.
var objectServers = []struct {
	scheme string
	start  func(t *testing.T) (urlOf func(prefix string) string)
}{
	{"s3", func(t *testing.T) func(string) string {
		address := startObjectStore(t)
		return func(prefix string) string { return bucketURL(address, prefix, "") }
	}},
	{"gs", startCloudStorage},
	{"azblob", startBlobStorage},
}

// eachObjectServer runs a test against each protocol.
func eachObjectServer(t *testing.T, test func(t *testing.T, urlOf func(prefix string) string)) {
	for _, server := range objectServers {
		t.Run(server.scheme, func(t *testing.T) { test(t, server.start(t)) })
	}
}

// startServer starts a program that listens on a free port of its own and returns
// its address.
func startServer(t *testing.T, variable string, env []string, args func(dir, port string) []string) string {
	t.Helper()
	t.Setenv("SPANLOOP_CACHE", t.TempDir())
	port, err := process.FreePort()
	require.NoError(t, err)
	dir := t.TempDir()
	server, err := process.Start(process.Options{
		Name: "server", Path: os.Getenv(variable), Args: args(dir, fmt.Sprint(port)), Env: env, Dir: dir, LogDir: dir,
	})
	require.NoError(t, err, "run it by `make objectstore`")
	t.Cleanup(func() {
		server.Kill()
		if t.Failed() {
			log, _ := os.ReadFile(dir + "/server.log")
			t.Logf("the server said: %s", log)
		}
	})
	address := fmt.Sprintf("127.0.0.1:%d", port)
	require.NoError(t, server.WaitListening(t.Context(), address))
	return address
}

// startCloudStorage starts a server of Google's protocol (SPANLOOP_GCS).
func startCloudStorage(t *testing.T) func(string) string {
	t.Helper()
	address := startServer(t, "SPANLOOP_GCS", nil, func(_, port string) []string {
		at := "127.0.0.1:" + port
		return []string{
			"-scheme", "http", "-host", "127.0.0.1", "-port", port, "-backend", "memory",
			"-public-host", at, "-external-url", "http://" + at, "-log-level", "error",
		}
	})
	t.Setenv("STORAGE_EMULATOR_HOST", address)
	body := strings.NewReader(`{"name": "bucket"}`)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/storage/v1/b?project=test", body)
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)
	return func(prefix string) string { return "gs://bucket/" + prefix }
}

// startBlobStorage starts a server of Azure's protocol (SPANLOOP_AZURITE) with an
// account of the test's own.
func startBlobStorage(t *testing.T) func(string) string {
	t.Helper()
	const account, key = "spanloop", "c3Bhbmxvb3A="
	address := startServer(t, "SPANLOOP_AZURITE", []string{"AZURITE_ACCOUNTS=" + account + ":" + key}, func(dir, port string) []string {
		return []string{"--blobHost", "127.0.0.1", "--blobPort", port, "--location", dir, "--skipApiVersionCheck", "--silent", "--disableTelemetry"}
	})
	t.Setenv("AZURE_STORAGE_ACCOUNT", account)
	t.Setenv("AZURE_STORAGE_KEY", key)
	credential, err := azblob.NewSharedKeyCredential(account, key)
	require.NoError(t, err)
	client, err := azblob.NewClientWithSharedKeyCredential("http://"+address+"/"+account, credential, nil)
	require.NoError(t, err)
	_, err = client.CreateContainer(t.Context(), "bucket", nil)
	require.NoError(t, err)
	return func(prefix string) string { return "azblob://bucket/" + prefix + "?protocol=http&domain=" + address }
}
