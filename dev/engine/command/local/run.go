package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
)

// longest is the limit of the published plugin's line scanner: at a line that is longer it stops reading, the script waits
// for ever, and so does Pulumi. Here the script ends, and its error says why.
const longest = 64*1024 - 1

// patience is how long an interrupted script may take to clean up.
const patience = 5 * time.Second

// run executes one script and returns what it wrote. With no script the previous output stays. While the script runs,
// its lines are shown as the resource's status.
func run(ctx context.Context, args Args, script *string, previous Output) (Output, error) {
	if script == nil {
		return previous, nil
	}
	argv := []string{"/bin/sh", "-c"}
	if args.Interpreter != nil && len(*args.Interpreter) > 0 {
		argv = *args.Interpreter
	}
	cmd := exec.CommandContext(ctx, argv[0], append(argv[1:len(argv):len(argv)], *script)...)
	cmd.Env = environment(args, previous)
	if args.Dir != nil {
		cmd.Dir = *args.Dir
	}
	if args.Stdin != nil {
		cmd.Stdin = strings.NewReader(*args.Stdin)
	}
	var stdout, stderr bytes.Buffer
	both := &transcript{show: p.GetLogger(ctx).InfoStatus}
	cmd.Stdout = io.MultiWriter(&stdout, both.stream(args.logs("stdout")))
	cmd.Stderr = io.MultiWriter(&stderr, both.stream(args.logs("stderr")))
	err := runGroup(ctx, cmd)
	if both.tooLong {
		err = fmt.Errorf("the script wrote a line of more than %d bytes, at which the published plugin hangs", longest)
	}
	if err != nil {
		return previous, fmt.Errorf("%w: running %q:\n%s", err, *script, text(&both.text))
	}
	return Output{text(&stdout), text(&stderr)}, nil
}

// text is what was written, without its last line break. Pulumi takes valid UTF-8 only, and would forget a resource
// whose script has run and written anything else.
func text(written *bytes.Buffer) string {
	return strings.ToValidUTF8(strings.TrimSuffix(written.String(), "\n"), "\uFFFD")
}

// runGroup runs a command as a process group of its own. Where Pulumi cancels, the group is interrupted as by ^C, so
// that it can clean up, and what is left after that is killed. Where this plugin is itself killed, the command is
// interrupted.
func runGroup(ctx context.Context, cmd *exec.Cmd) error {
	// The kernel watches the thread that starts a process, so this one has to stay.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGINT}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = patience
	if err := cmd.Start(); err != nil {
		return err
	}
	err := cmd.Wait()
	if ctx.Err() != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // mostly nothing is left
		return ctx.Err()
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		return errors.New("the script ended, but a process that it left running still holds its output open")
	}
	return err
}

// environment adds a Command's variables to those of Pulumi.
func environment(args Args, previous Output) []string {
	env := os.Environ()
	if args.AddPreviousInEnv == nil || *args.AddPreviousInEnv {
		if previous.Stdout != "" {
			env = append(env, "PULUMI_COMMAND_STDOUT="+previous.Stdout)
		}
		if previous.Stderr != "" {
			env = append(env, "PULUMI_COMMAND_STDERR="+previous.Stderr)
		}
	}
	if args.Environment != nil {
		for name, value := range *args.Environment {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// logs tells whether a stream is to be shown.
func (a Args) logs(stream string) bool {
	return a.Logging == nil || *a.Logging == stream || *a.Logging == "stdoutAndStderr"
}

// transcript keeps two streams in the order they came in, and shows whole lines.
type transcript struct {
	lock    sync.Mutex
	text    bytes.Buffer
	show    func(line string)
	tooLong bool // a line that is shown was longer than the published plugin reads
}

// stream gives one of the streams a writer.
func (t *transcript) stream(shown bool) io.Writer {
	return &stream{transcript: t, shown: shown}
}

type stream struct {
	*transcript
	shown bool
	rest  []byte // a line that has not ended yet
}

func (s *stream) Write(text []byte) (int, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.text.Write(text)
	if !s.shown {
		return len(text), nil
	}
	lines := bytes.Split(append(s.rest, text...), []byte("\n"))
	s.rest = bytes.Clone(lines[len(lines)-1])
	for _, line := range lines {
		if len(line) > longest {
			s.tooLong = true
			return 0, errors.New("a line is too long")
		}
	}
	for _, line := range lines[:len(lines)-1] {
		if line := strings.TrimSpace(strings.ToValidUTF8(string(line), "\uFFFD")); line != "" {
			s.show(line)
		}
	}
	return len(text), nil
}
