//! A headless Chromium for tests.
//!
//! In: a page's text and what a person would do. Out: what the page shows, and what the browser complained about. It is
//! spoken to over the debugging pipe: JSON messages that end in a zero byte, on the descriptors 3 and 4.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

const FLAGS: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--window-size=1280,900",
    "--remote-debugging-pipe",
    "about:blank",
];

/// A browser with one page.
pub struct Browser {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    next: u64,
    session: Option<String>,
    complaints: Vec<String>,
    home: PathBuf,
}

impl Browser {
    /// Starts a browser; none where there is none to start.
    pub fn start() -> Option<Browser> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let program = std::env::var("CHROMIUM").ok().or_else(|| {
            let names = ["chromium", "chromium-browser", "google-chrome"];
            let paths = std::env::var_os("PATH")?;
            let dirs: Vec<PathBuf> = std::env::split_paths(&paths).collect();
            let found = names
                .iter()
                .find(|name| dirs.iter().any(|dir| dir.join(name).is_file()));
            found.map(|name| (*name).to_owned())
        });
        let Some(program) = program else {
            eprintln!("skipped: no Chromium is installed");
            return None;
        };
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let home = std::env::temp_dir().join(format!("adtrace-page-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&home).expect("a directory for the browser");
        // The shell hands its own streams on as the descriptors of the pipe.
        let mut process = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 0</dev/null 1>/dev/null 2>/dev/null"])
            .arg(program)
            .arg(format!("--user-data-dir={}", home.display()))
            .args(FLAGS)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the browser starts");
        let (to, from) = (process.stdin.take(), process.stdout.take());
        let mut browser = Browser {
            process,
            to: to.expect("its pipe"),
            from: BufReader::new(from.expect("its pipe")),
            next: 0,
            session: None,
            complaints: Vec::new(),
            home,
        };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}))["targetId"].clone();
        let session = browser.call("Target.attachToTarget", &json!({"targetId": target, "flatten": true}));
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            browser.call(domain, &json!({}));
        }
        browser.call("Performance.enable", &json!({"timeDomain": "threadTicks"}));
        Some(browser)
    }

    fn call(&mut self, method: &str, params: &Value) -> Value {
        let answer = self.ask(method, params);
        answer.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Sends a command and waits for its answer; what the browser says meanwhile is looked through for complaints.
    fn ask(&mut self, method: &str, params: &Value) -> Result<Value, Value> {
        self.next += 1;
        let mut message = json!({"id": self.next, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        write!(self.to, "{message}\0").expect("the browser listens");
        self.to.flush().expect("the browser listens");
        loop {
            let mut answer = Vec::new();
            self.from.read_until(0, &mut answer).expect("the browser answers");
            answer.pop();
            let answer: Value = serde_json::from_slice(&answer).expect("the browser answers in JSON");
            if answer["id"] == self.next {
                return match answer["error"].clone() {
                    Value::Null => Ok(answer["result"].clone()),
                    error => Err(error),
                };
            }
            self.hear(&answer);
        }
    }

    fn hear(&mut self, event: &Value) {
        let params = &event["params"];
        let complaint = match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => Some(&params["exceptionDetails"]),
            Some("Log.entryAdded") if params["entry"]["level"] == "error" => Some(&params["entry"]),
            Some("Runtime.consoleAPICalled") if params["type"] == "error" => Some(&params["args"]),
            _ => None,
        };
        self.complaints.extend(complaint.map(ToString::to_string));
    }

    /// Sets the size of the window.
    pub fn size(&mut self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Opens a page from a file and waits until its script is done.
    pub fn open(&mut self, html: &str) {
        let path = self.home.join("page.html");
        std::fs::write(&path, html).expect("the page is written");
        self.call("Page.navigate", &json!({"url": format!("file://{}", path.display())}));
        self.wait("document.body && document.body.dataset.ready === 'yes'");
    }

    /// The value of an expression; a promise is waited for.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", &asked);
        assert!(
            answer["exceptionDetails"].is_null(),
            "{expression}: {}",
            answer["exceptionDetails"]
        );
        answer["result"]["value"].clone()
    }

    /// The same as a number.
    pub fn number(&mut self, expression: &str) -> f64 {
        self.evaluate(expression).as_f64().expect("a number")
    }

    /// Waits until an expression holds; while a page is on its way there may be nothing to ask.
    pub fn wait(&mut self, expression: &str) {
        let began = Instant::now();
        let asked = json!({"expression": format!("Boolean({expression})"), "returnByValue": true});
        while !self
            .ask("Runtime.evaluate", &asked)
            .is_ok_and(|answer| answer["result"]["value"] == true)
        {
            assert!(began.elapsed() < PATIENCE, "never: {expression}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Milliseconds of a processor that the page's main thread has taken so far, whatever else the machine does.
    #[allow(dead_code, reason = "not every test measures")]
    pub fn worked(&mut self) -> f64 {
        let answer = self.call("Performance.getMetrics", &json!({}));
        let metrics = answer["metrics"].as_array().expect("a list");
        let task = metrics.iter().find(|metric| metric["name"] == "TaskDuration");
        task.and_then(|metric| metric["value"].as_f64()).expect("a number") * 1000.0
    }

    /// The text of the first element that a selector names.
    pub fn text(&mut self, selector: &str) -> String {
        let value = self.evaluate(&format!("document.querySelector({}).textContent", json!(selector)));
        value.as_str().expect("a text").to_owned()
    }

    /// Clicks an element with the mouse.
    pub fn click(&mut self, selector: &str) {
        let place = self.evaluate(&format!(
            "(() => {{ const e = document.querySelector({}); e.scrollIntoView({{block: 'center'}});
             const b = e.getClientRects()[0]; return [b.x + b.width / 2, b.y + b.height / 2]; }})()",
            json!(selector)
        ));
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", &event);
        }
    }

    /// Presses a key.
    pub fn key(&mut self, key: &str) {
        for kind in ["keyDown", "keyUp"] {
            self.call("Input.dispatchKeyEvent", &json!({"type": kind, "key": key}));
        }
    }

    /// What the browser complained about so far.
    pub fn complaints(&mut self) -> Vec<String> {
        self.evaluate("0");
        std::mem::take(&mut self.complaints)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A browser that is gone already needs no end.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.home);
    }
}
