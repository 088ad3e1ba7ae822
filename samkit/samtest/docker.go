package samtest

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"

	"pricing/samkit/process"
)

// image is the one in which SAM local 1.170 runs functions of provided.al2023 on x86-64. With --skip-pull-image it takes the
// one that is there: ours. The real one holds an operating system, which a static binary does not need, and the emulator of
// Lambda.
const image = "public.ecr.aws/lambda/provided:al2023-rapid-x86_64"

const bridge = "docker0"

// daemon is a Docker daemon: one that ran already, or our own.
type daemon struct {
	socket    string
	data      string // its folder, if it is our own
	client    *http.Client
	own       *process.Process // nil: it ran already
	ownBridge bool             // it made the bridge
	ownImage  bool             // we made the image

	mu         sync.Mutex
	containers []string // made for us
}

// startDocker returns the daemon that runs already, or else starts one.
func startDocker(ctx context.Context, dir string, out io.Writer) (*daemon, error) {
	socket, ok := strings.CutPrefix(os.Getenv("DOCKER_HOST"), "unix://")
	if !ok {
		socket = "/var/run/docker.sock"
	}
	running := connect(socket)
	if running.ping(ctx) == nil {
		return running, nil
	}
	if err := needDocker(ctx, out); err != nil {
		return nil, err
	}
	if running.ping(ctx) == nil { // where there is systemd its package starts one
		return running, nil
	}
	d := connect(filepath.Join(dir, "docker.sock"))
	d.data = filepath.Join(dir, "docker-data")
	if _, err := net.InterfaceByName(bridge); err != nil {
		d.ownBridge = true
	}
	var failed error
	for _, storage := range [][]string{nil, {"--storage-driver=vfs"}} { // vfs works where there is nothing to mount
		// No network but the bridge itself: containers reach this machine, not the internet.
		cmd := exec.Command("dockerd", append([]string{"--host", "unix://" + d.socket, "--data-root", d.data,
			"--exec-root", filepath.Join(dir, "docker-exec"), "--pidfile", filepath.Join(dir, "docker.pid"),
			"--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false"}, storage...)...)
		cmd.Env = append(os.Environ(), "HTTP_PROXY=http://127.0.0.1:9", "HTTPS_PROXY=http://127.0.0.1:9") // a pull fails at once
		c, err := process.Start(dir, cmd)
		if err != nil {
			return nil, err
		}
		if err = c.Ready(ctx, d.ping); err == nil {
			d.own = c
			return d, nil
		}
		d.end(c)
		if failed = errors.Join(failed, err); ctx.Err() != nil {
			break
		}
	}
	return nil, failed
}

func connect(socket string) *daemon {
	return &daemon{socket: socket, client: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}}
}

func (d *daemon) ping(ctx context.Context) error {
	_, err := d.call(ctx, http.MethodGet, "/_ping", nil)
	return err
}

// call calls Docker's API.
func (d *daemon) call(ctx context.Context, method, path string, body io.Reader) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://docker"+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-tar")
	resp, err := d.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 400 {
		return nil, fmt.Errorf("docker: %s %s: %s: %s", method, path, resp.Status, text)
	}
	return text, nil
}

// needImage makes the image, with the emulator that the SAM CLI brings in a Python environment's lib folder.
func (d *daemon) needImage(ctx context.Context, lib string) error {
	if _, err := d.call(ctx, http.MethodGet, "/images/"+image+"/json", nil); err == nil {
		return nil
	}
	found, err := filepath.Glob(filepath.Join(lib, "python3*", "site-packages", "samcli", "local", "rapid", "aws-lambda-rie-x86_64"))
	if err != nil || len(found) != 1 {
		return fmt.Errorf("make the image: the SAM CLI should bring one emulator of Lambda, but %d were found", len(found))
	}
	emulator, err := os.ReadFile(found[0])
	if err != nil {
		return fmt.Errorf("make the image: %w", err)
	}
	files, err := rootFiles(emulator)
	if err != nil {
		return fmt.Errorf("make the image: %w", err)
	}
	name, tag, _ := strings.Cut(image, ":")
	query := url.Values{"fromSrc": {"-"}, "repo": {name}, "tag": {tag}, "platform": {"linux/amd64"}, "changes": {"WORKDIR /var/task"}}
	text, err := d.call(ctx, http.MethodPost, "/images/create?"+query.Encode(), bytes.NewReader(files))
	if err != nil {
		return fmt.Errorf("make the image: %w", err)
	}
	for decoder := json.NewDecoder(bytes.NewReader(text)); ; {
		var progress struct{ Error string }
		if err := decoder.Decode(&progress); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("make the image: %w", err)
		}
		if progress.Error != "" {
			return fmt.Errorf("make the image: %s", progress.Error)
		}
	}
	d.ownImage = true
	return nil
}

// rootFiles is the image's content as a tar file. SAM local starts the emulator and mounts a function at /var/task, where the
// emulator finds it through /var/runtime/bootstrap.
func rootFiles(emulator []byte) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	entries := []tar.Header{
		{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777},
		{Name: "opt/extensions/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "var/task/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "var/runtime/bootstrap", Typeflag: tar.TypeSymlink, Linkname: "/var/task/bootstrap", Mode: 0o777},
		{Name: "var/rapid/aws-lambda-rie", Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(emulator))},
	}
	for _, header := range entries {
		if err := w.WriteHeader(&header); err != nil {
			return nil, err
		}
	}
	if _, err := w.Write(emulator); err != nil { // of the last entry
		return nil, err
	}
	return b.Bytes(), w.Close()
}

var containerID = regexp.MustCompile(`SAM_CONTAINER_ID: ([0-9a-f]+)`)

// remember notes the containers that SAM local says it has made. Sometimes it leaves one behind when it ends.
func (d *daemon) remember(output string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range containerID.FindAllStringSubmatch(output, -1) {
		d.containers = append(d.containers, id[1])
	}
}

// stop leaves nothing of ours behind. It takes no context, since it also cleans up after a run that was interrupted.
func (d *daemon) stop() {
	ctx := context.Background()
	for _, id := range d.containers {
		_, _ = d.call(ctx, http.MethodDelete, "/containers/"+id+"?force=1", nil) // most are gone
	}
	if d.own == nil {
		if d.ownImage { // others who use this daemon expect the real image under this name
			_, _ = d.call(ctx, http.MethodDelete, "/images/"+image+"?force=1", nil)
		}
		return
	}
	d.end(d.own)
}

// end ends a daemon of our own and undoes what it did to the machine.
func (d *daemon) end(c *process.Process) {
	c.Stop()
	_ = syscall.Unmount(d.data, syscall.MNT_DETACH) // it mounts the folder on itself, and when it fails it does not unmount it
	if d.ownBridge {
		_ = exec.Command("ip", "link", "delete", bridge).Run() // a machine without ip keeps the bridge; the next daemon uses it
	}
}

// bridgeAddress is the address of this machine as containers see it.
func bridgeAddress() (string, error) {
	i, err := net.InterfaceByName(bridge)
	if err != nil {
		return "", fmt.Errorf("find the address of %s: %w", bridge, err)
	}
	addresses, err := i.Addrs()
	if err != nil {
		return "", fmt.Errorf("find the address of %s: %w", bridge, err)
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil {
			return n.IP.String(), nil
		}
	}
	return "", fmt.Errorf("%s has no address", bridge)
}
