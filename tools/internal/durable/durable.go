// Package durable keeps the files by which an interrupted run of a tool is resumed: they are whole or as they were before, whenever
// the process or the machine ends, and one process at a time has them.
package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// ErrInUse says that another process holds a lock.
var ErrInUse = errors.New("another process holds the lock")

// Lock locks a file that serves no other purpose, and makes it. The lock ends with the process, however that ends. The error is
// ErrInUse while another process has it.
func Lock(path string) (*os.File, error) {
	for {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return nil, err
		}
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			_ = file.Close() // nothing was written
			if errors.Is(err, syscall.EWOULDBLOCK) {
				return nil, ErrInUse
			}
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		mine, err := file.Stat()
		if err == nil {
			if there, e := os.Stat(path); e == nil && os.SameFile(mine, there) {
				return file, nil
			}
		}
		_ = file.Close() // it was removed between open and lock
	}
}

// Unlock removes and releases a locked file.
func Unlock(lock *os.File) error {
	return errors.Join(os.Remove(lock.Name()), lock.Close()) // in this order: Lock compares the file with the path
}

// WriteFile replaces the content of a file, or makes it.
func WriteFile(path string, content []byte) error {
	// The name is always the same, so crashes leave no more than one such file behind.
	temporary := path + ".tmp"
	file, err := os.Create(temporary)
	if err != nil {
		return err
	}
	if _, err := file.Write(content); err != nil {
		return errors.Join(err, file.Close())
	}
	return Publish(file, path)
}

// Publish closes a file that was written, and gives it its final name in the same folder.
func Publish(file *os.File, path string) error {
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir makes the names in a folder durable.
func SyncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
