// look.mjs looks at pages in Chromium, and reports what it saw:
//
//	node look.mjs MODULES IN OUT
//
// MODULES is a directory where npm installed playwright-core and axe-core. IN is JSON: the Chromium to run, and the looks.
// OUT gets a list of reports, one for each look. What they should say is for others to know: see browser_test.go.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const [modules, input, output] = process.argv.slice(2);
const require = createRequire(modules + "/");
const { chromium } = require("playwright-core");
const axe = require("axe-core").source;

// What is asked of a page is asked in a world of its own: there, its Content-Security-Policy forbids nothing, and the page
// sees nothing of it, so that the policy holds for the page as it does for everyone.
const world = "look";

// watch runs in that world, before the page.
function watch() {
	globalThis.violations = [];
	addEventListener("securitypolicyviolation", (e) => {
		violations.push(`${e.effectiveDirective} ${e.blockedURI} ${e.sample}`.trim());
	});
}

// brokenWords returns the short words that are torn apart at the end of a line. A heading is a path, which may be parted at
// its slashes.
function brokenWords() {
	const broken = [];
	const nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (nodes.nextNode()) {
		const { currentNode: node } = nodes;
		for (const { 0: word, index } of node.data.matchAll(node.parentElement.closest("h1") ? /[^\s/]+/g : /\S+/g)) {
			const range = document.createRange();
			range.setStart(node, index);
			range.setEnd(node, index + word.length);
			if (/^[!-~]{1,12}$/.test(word) && !word.includes("-") && new Set([...range.getClientRects()].map((r) => r.top)).size > 1) {
				broken.push(word);
			}
		}
	}
	return broken;
}

// facts runs in that world, when the page is there. What a reader can open is opened.
function facts() {
	document.querySelectorAll("details").forEach((e) => (e.open = true));
	const all = [...document.querySelectorAll("*")];
	return {
		violations: globalThis.violations ?? [],
		type: document.contentType,
		text: document.body.innerText,
		brokenWords: brokenWords(),
		width: document.documentElement.clientWidth,
		scrollWidth: document.scrollingElement.scrollWidth,
		elements: [...new Set(all.map((e) => e.localName))].sort(),
		attributes: [...new Set(all.flatMap((e) => e.getAttributeNames()))].sort(),
		links: all.filter((e) => e.hasAttribute("href")).map((e) => e.href),
	};
}

// check runs in that world, too. What axe can't decide is reported as well.
async function check() {
	const rules = { "target-size": { enabled: true } }; // of WCAG 2.2, which axe leaves out unless it is asked
	const result = await axe.run(document, { resultTypes: ["violations", "incomplete"], rules });
	const brief = (undecided) => (v) => ({
		id: v.id,
		impact: v.impact ?? "",
		help: v.help,
		undecided,
		nodes: v.nodes.map((n) => `${n.html}\n${n.failureSummary ?? ""}`),
	});
	return result.violations.map(brief(false)).concat(result.incomplete.map(brief(true)));
}

async function evaluate(cdp, expression, contextId) {
	const r = await cdp.send("Runtime.evaluate", { expression, contextId, returnByValue: true, awaitPromise: true });
	if (r.exceptionDetails) {
		throw new Error(r.exceptionDetails.exception?.description ?? r.exceptionDetails.text);
	}
	return r.result.value;
}

// A context is a browser with one way of looking, without anything from before.
const contexts = new Map();

function contextFor(browser, l) {
	const options = {
		viewport: { width: l.width, height: l.height },
		isMobile: l.mobile,
		colorScheme: l.dark ? "dark" : "light",
		javaScriptEnabled: !l.noScript,
		bypassCSP: l.noPolicy,
	};
	const key = JSON.stringify(options);
	if (!contexts.has(key)) {
		contexts.set(key, browser.newContext(options));
	}
	return contexts.get(key);
}

async function look(browser, l) {
	const context = await contextFor(browser, l);
	const page = await context.newPage();
	const report = { console: [], requests: [], windows: [] };
	page.on("console", (m) => report.console.push(`${m.location().url}: ${m.type()}: ${m.text()}`));
	page.on("pageerror", (e) => report.console.push(`exception: ${e}`));
	page.on("request", (r) => report.requests.push(r.url()));
	page.on("dialog", (d) => {
		report.windows.push(`${d.type()}: ${d.message()}`);
		d.dismiss().catch(() => {});
	});
	page.on("popup", (p) => report.windows.push(`popup: ${p.url()}`));

	const cdp = await context.newCDPSession(page);
	await cdp.send("Page.enable");
	await cdp.send("Page.addScriptToEvaluateOnNewDocument", { source: `(${watch})()`, worldName: world });
	const response = await page.goto(l.url);
	if (l.keys) {
		report.requests.length = 0;
		for (const key of l.keys) {
			await (key.startsWith("=") ? page.keyboard.type(key.slice(1)) : page.keyboard.press(key));
		}
		await page.waitForURL((u) => u.search !== "");
	}
	report.url = page.url();
	report.status = response.status();
	report.policy = (await response.allHeaders())["content-security-policy"] ?? "";

	const { frameTree } = await cdp.send("Page.getFrameTree");
	const { executionContextId: id } = await cdp.send("Page.createIsolatedWorld", { frameId: frameTree.frame.id, worldName: world });
	Object.assign(report, await evaluate(cdp, `${brokenWords}; (${facts})()`, id));
	report.ran = await evaluate(cdp, "typeof pwned != 'undefined'");
	if (!l.noScript) { // axe waits for timers, which are scripts
		await evaluate(cdp, axe, id);
		report.axe = await evaluate(cdp, `(${check})()`, id);
	}
	if (l.screenshot) {
		const { cssContentSize: size } = await cdp.send("Page.getLayoutMetrics");
		const clip = { x: 0, y: 0, width: l.width, height: Math.min(Math.max(size.height, l.height), 4000), scale: 1 };
		const { data } = await cdp.send("Page.captureScreenshot", { clip, captureBeyondViewport: true });
		writeFileSync(l.screenshot, Buffer.from(data, "base64"));
	}
	await page.close();
	return report;
}

const { executable, looks } = JSON.parse(readFileSync(input, "utf8"));
const browser = await chromium.launch({
	executablePath: executable,
	// Nothing but this machine can be reached. There is no sandbox for root, who runs the checks in a container.
	args: ["--no-sandbox", "--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
});
try {
	const reports = [];
	let next = 0;
	const one = async () => {
		while (next < looks.length) {
			const i = next++;
			reports[i] = await look(browser, looks[i]);
		}
	};
	await Promise.all([one(), one(), one(), one()]);
	writeFileSync(output, JSON.stringify(reports));
} finally {
	await browser.close();
}
