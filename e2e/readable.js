() => {
  const problems = [];
  const name = (e) => "<" + e.tagName.toLowerCase() + (e.id ? " id=" + e.id : "") + (e.getAttribute("name") ? " name=" + e.getAttribute("name") : "") + "> " + e.textContent.trim().slice(0, 40);
  const all = (selector) => [...document.querySelectorAll(selector)];
  if (!document.documentElement.lang) problems.push("the page names no language");
  if (!document.title) problems.push("the page has no title");
  if (all("h1").length !== 1) problems.push(all("h1").length + " headings of the first level, want one");
  if (all("main").length !== 1) problems.push("no main part");
  const ids = new Map();
  for (const e of all("[id]")) ids.set(e.id, (ids.get(e.id) || 0) + 1);
  for (const [id, n] of ids) if (n > 1) problems.push("the id " + id + " is there " + n + " times");
  for (const e of all("input:not([type=hidden]), select, textarea"))
    if (![...(e.labels || [])].some((l) => l.textContent.trim()) && !e.getAttribute("aria-label")) problems.push("no label: " + name(e));
  for (const e of all("a[href], button")) if (!e.textContent.trim() && !e.getAttribute("aria-label")) problems.push("no text: " + name(e));
  for (const e of all("img, svg, meter")) if (!e.getAttribute("alt") && !e.getAttribute("aria-label")) problems.push("no words for a picture: " + name(e));
  for (const e of all("table")) if (!e.querySelector("th[scope]")) problems.push("a table without headers");
  for (const e of all("[aria-labelledby]")) if (!document.getElementById(e.getAttribute("aria-labelledby"))) problems.push("labelled by nothing: " + name(e));
  let level = 0;
  for (const e of all("h1, h2, h3, h4")) {
    const l = Number(e.tagName[1]);
    if (l > level + 1) problems.push("a heading of level " + l + " follows one of level " + level + ": " + name(e));
    level = l;
  }
  // Contrast as WCAG 2.2 defines it: relative luminance of text and of what is behind it.
  const colour = (text) => (text.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (e) => {
    for (let p = e; p; p = p.parentElement) {
      const c = colour(getComputedStyle(p).backgroundColor);
      if (c.length < 4 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const e = texts.currentNode.parentElement;
    if (!texts.currentNode.textContent.trim() || ["SCRIPT", "NOSCRIPT", "STYLE", "OPTION", "METER", "TITLE"].includes(e.tagName) || e.closest("svg")) continue;
    const style = getComputedStyle(e);
    const [a, b] = [light(colour(style.color)), light(behind(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) problems.push("contrast of " + ratio.toFixed(1) + " is too low: " + name(e));
  }
  return problems;
}
