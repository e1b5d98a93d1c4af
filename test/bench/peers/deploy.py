# The five units of a host as a pyinfra user writes them: files, started and enabled, healthy.
from io import StringIO

from pyinfra.operations import files, server, systemd

UNIT = """[Unit]
Description=service {n}
[Service]
ExecStart=/usr/bin/python3 -m http.server {port} --bind 127.0.0.1
[Install]
WantedBy=multi-user.target
"""

for n in range(1, 6):
    unit = files.put(name=f"unit {n}", src=StringIO(UNIT.format(n=n, port=9000 + n)), dest=f"/etc/systemd/system/svc{n}.service")
    systemd.service(name=f"start {n}", service=f"svc{n}", running=True, enabled=True, daemon_reload=unit.changed)
for n in range(1, 6):
    url = f"http://127.0.0.1:{9000 + n}/"
    server.shell(name=f"healthy {n}", commands=[f"curl -sf --retry 20 --retry-connrefused --retry-delay 1 -o /dev/null {url}"])
