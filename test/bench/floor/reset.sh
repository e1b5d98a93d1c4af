# Takes everything away that the floor, the peers and Portoser put on a host.
systemctl disable -q --now svc1 svc2 svc3 svc4 svc5 2>/dev/null
rm -rf /etc/systemd/system/svc?.service /var/lib/portoser /root/.local/state/portoser /opt/svc?
systemctl daemon-reload; systemctl reset-failed; sync
for n in 1 2 3 4 5; do ! systemctl -q is-active svc$n || exit 1; done
