# Five units of one host brought up by one script: files, one reload, one start, and a wait for health.
cd /etc/systemd/system || exit 1
for n in 1 2 3 4 5; do
  printf '[Unit]\nDescription=service %s\n[Service]\nExecStart=/usr/bin/python3 -m http.server %s --bind 127.0.0.1\n[Install]\nWantedBy=multi-user.target\n' $n $((9000 + n)) >svc$n.service
done
systemctl daemon-reload && systemctl enable -q --now svc1 svc2 svc3 svc4 svc5 || exit 1
for port in 9001 9002 9003 9004 9005; do until curl -sf -o /dev/null "http://127.0.0.1:$port/"; do sleep 0.02; done; done
