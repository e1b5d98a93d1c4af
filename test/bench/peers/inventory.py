import os

settings = {"ssh_user": "root", "ssh_key": os.environ["LAB_KEY"], "ssh_known_hosts_file": "/dev/null", "ssh_strict_host_key_checking": "no"}
lab = [(f"10.77.0.{10 + host}", settings) for host in range(1, 11)]
