# What a pass has to know of a host with five units, by the shortest way: files, units, health, memory, load, disks, ports.
cd /etc/systemd/system || exit 1
sha256sum svc1.service svc2.service svc3.service svc4.service svc5.service
systemctl show -p Id,ActiveState,SubState,MainPID,UnitFileState svc1 svc2 svc3 svc4 svc5
for port in 9001 9002 9003 9004 9005; do
  code=$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/"); [ "$code" = 200 ] || exit 1
done
cat /proc/meminfo /proc/loadavg
df -P
