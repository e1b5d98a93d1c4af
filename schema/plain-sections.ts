// Top-level keys that everything else is filled with, or found by: templates are not filled in them.

export const plainSections: readonly string[] = ['cluster', 'include'];
