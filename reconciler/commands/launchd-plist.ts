// The text of a launchd property list: exact words, kept alive (launchd.plist(5)).

export interface PlistWish {
  readonly label: string;
  readonly service: string;
  readonly cluster?: string | undefined;
  /** Daemons only: an agent runs as whoever's it is. */
  readonly user?: string;
  readonly folder: string;
  readonly command: readonly string[];
  readonly logFile: string;
  readonly stopTimeoutMs: number;
}

/** XML text; control characters that XML 1.0 cannot hold are refused rather than lost. */
function escapeXml(value: string): string {
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/.test(value))
    throw new TypeError('a property list cannot hold control characters');
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('\r', '&#13;');
}

type Value = string | number | true | readonly string[];

function valueText(value: Value): string {
  if (value === true) return '<true/>';
  if (typeof value === 'number') return `<integer>${value}</integer>`;
  if (typeof value === 'string') return `<string>${escapeXml(value)}</string>`;
  return `<array>\n${value.map(one => `    <string>${escapeXml(one)}</string>\n`).join('')}  </array>`;
}

/** `ThrottleInterval` 1: launchd's own 10 s between restarts is longer than a pass should wait. */
export function plistText(wish: PlistWish): string {
  const entries: readonly (readonly [string, Value | undefined])[] = [
    ['Label', wish.label],
    ['X-Portoser-Service', wish.service],
    ['X-Portoser-Cluster', wish.cluster],
    ['ProgramArguments', wish.command],
    ['UserName', wish.user],
    ['WorkingDirectory', wish.folder],
    ['StandardOutPath', wish.logFile],
    ['StandardErrorPath', wish.logFile],
    ['RunAtLoad', true],
    ['KeepAlive', true],
    ['ThrottleInterval', 1],
    ['ExitTimeOut', Math.max(1, Math.ceil(wish.stopTimeoutMs / 1000))],
  ];
  const lines = entries.flatMap(([key, value]) =>
    value === undefined ? [] : [`  <key>${key}</key>\n  ${valueText(value)}\n`],
  );
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- Written by Portoser from registry.yml; what is edited here is undone. -->
<plist version="1.0">
<dict>
${lines.join('')}</dict>
</plist>
`;
}
