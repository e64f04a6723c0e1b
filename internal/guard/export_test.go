//go:build !js

package guard

import (
	"net"
	"net/http"
)

// TransportAt is [Transport] for another port, by a dialer of the test's own.
func TransportAt(d net.Dialer, port uint16, t *http.Transport, hosts ...string) (*http.Transport, error) {
	return (&dialer{Dialer: d, port: port, hosts: hosts}).transport(t)
}
