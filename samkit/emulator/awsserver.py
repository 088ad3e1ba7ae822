"""Runs the AWS CLI many times without starting it each time: python awsserver.py SOCKET

Starting the AWS CLI takes half a second of CPU, and a deployment calls it about forty times. This imports it once and forks for each
call, so every call has a process of its own, as usual. The command aws (emulator.go) sends its arguments, folder, environment and the
three standard streams, and gets the exit status.
"""
import array
import json
import os
import signal
import socket
import sys

from awscli.clidriver import create_clidriver

ahead = ("cloudformation", "dynamodb", "lambda", "s3")  # what the scripts call most; another service is read when it is called


def serve(path):
    driver = create_clidriver()
    loader = driver.session.get_component("data_loader")  # keeps what it has read
    for service in ahead:
        loader.load_service_model(service, "service-2")
        loader.load_service_model(service, "endpoint-rule-set-1")
    loader.load_data("endpoints")
    loader.load_data("partitions")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    while True:
        asked, _ = listener.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            status = call(driver, asked)
            asked.sendall(bytes([status & 255]))
            os._exit(0)
        asked.close()


def call(driver, asked):
    streams = array.array("i")
    text, rights, _, _ = asked.recvmsg(1 << 20, socket.CMSG_SPACE(3 * streams.itemsize))
    for _, _, passed in rights:
        streams.frombytes(passed)
    while not text.endswith(b"\n"):
        text += asked.recv(1 << 20)
    asks = json.loads(text)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout, sys.stderr = open(0, closefd=False), open(1, "w", closefd=False), open(2, "w", closefd=False)
    os.chdir(asks["folder"])
    os.environ.clear()
    os.environ.update(asks["environment"])
    sys.argv = ["aws", *asks["arguments"]]
    try:
        status = driver.main(asks["arguments"])
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # nobody reads any more
        pass
    return status or 0


serve(sys.argv[1])
