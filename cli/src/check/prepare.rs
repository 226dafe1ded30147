//! What is done before the service starts: the plan is filled, once for nothing and once for good.

use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use super::http::{self, Client};
use super::own::Own;
use super::plan::Plan;
use super::planting::Planting;
use super::run::{Options, Refusal};
use super::service::Start;
use super::strace;
use super::template::Template;

/// Fills the whole plan once, for nothing: what makes no request is told before anything is started.
pub(super) fn rehearse(plan: &Plan, port: u16, is_http: bool) -> Result<(), Refusal> {
    let mut planting = Planting::new(0, port, PathBuf::new());
    let client = Client::new("http://127.0.0.1:1", Duration::from_secs(1));
    for (index, request) in plan.requests.iter().enumerate() {
        let label = format!("request {}", index + 1);
        let filled = client.fill(request, &label, &mut planting);
        filled.map_err(|why| Refusal::Plan(format!("{label} cannot be sent: {why}")))?;
        if let Some(lacking) = planting.lacking.first() {
            return Err(Refusal::Plan(format!(
                "{label} needs `{{{{taken:{lacking}}}}}`, and no request before it has a `take` of that name"
            )));
        }
        for name in request.take.keys().chain(request.take_public.keys()) {
            planting.take(name, "x", &label, false);
        }
    }
    let service = plan.service.command.iter().chain(&plan.service.stdin).chain(plan.env.values());
    service.for_each(|template| drop(planting.fill(template, "", str::to_owned)));
    if let Some(lacking) = planting.lacking.first() {
        return Err(Refusal::Plan(format!("`{{{{taken:{lacking}}}}}` can stand in requests alone")));
    }
    if planting.planted().is_empty() {
        return Err(Refusal::Plan(
            "nothing is planted, so nothing could be found: give --env NAME, or a plan with {{placeholders}} (`dihya check --example`)"
                .to_owned(),
        ));
    }
    if is_http {
        base(plan, &mut planting).map(drop).map_err(Refusal::Plan)?;
    }
    Ok(())
}

pub(super) struct Base {
    pub(super) url: String,
    pub(super) address: Option<String>,
    /// Its port was found free a moment ago.
    pub(super) is_ours: bool,
}

pub(super) fn base(plan: &Plan, planting: &mut Planting) -> Result<Base, String> {
    let mut told = plan.service.command.iter().chain(&plan.service.stdin).chain(plan.env.values());
    let (url, is_ours) = match &plan.http.base {
        Some(base) => (planting.fill(base, "base", str::to_owned), base.names_port()),
        None if told.any(|template| template.names_port()) => {
            let port = Template::parse("http://127.0.0.1:{{port}}")?;
            (planting.fill(&port, "base", str::to_owned), true)
        }
        None if !http::is_used(&plan.http, &plan.requests) => {
            return Ok(Base { url: String::new(), address: None, is_ours: true });
        }
        None => {
            return Err("where does the service listen? Give it `{{port}}` in its arguments or environment, or say [http] `base`".to_owned());
        }
    };
    let address = http::address(&url)?;
    Ok(Base { url, address: Some(address), is_ours })
}

/// The service with everything that is planted before it starts.
pub(super) fn filled(
    plan: &Plan,
    planting: &mut Planting,
    own: &Own,
    options: &Options,
) -> Result<Start, Refusal> {
    let command = plan.service.command.iter().enumerate();
    let mut command: Vec<String> = command
        .map(|(i, template)| {
            let way = if i == 0 { "program".to_owned() } else { format!("arguments, number {i}") };
            planting.fill(template, &way, str::to_owned)
        })
        .collect();
    let environment = plan.env.iter().map(|(name, template)| {
        (name.clone(), planting.fill(template, &format!("environment, {name}"), str::to_owned))
    });
    let mut environment: std::collections::BTreeMap<String, String> = environment.collect();
    if environment
        .iter()
        .any(|(name, value)| name.is_empty() || name.contains(['=', '\0']) || value.contains('\0'))
        || command.iter().any(|argument| argument.contains('\0'))
    {
        return Err(Refusal::Plan(
            "a variable's name is empty or holds `=`, or a value holds a NUL".to_owned(),
        ));
    }
    // Its temporary files then lie where every change is noticed.
    environment.entry("TMPDIR".to_owned()).or_insert_with(|| own.path("tmp").display().to_string());
    let stdin = plan.service.stdin.as_ref().map(|text| planting.fill(text, "stdin", str::to_owned));
    if options.strace {
        strace::wrap(&mut command, &own.path("private/strace")).map_err(Refusal::Plan)?;
    }
    let mut command = command.into_iter();
    let program = command.next().unwrap_or_default();
    let arguments = command.collect();
    let folder = plan.service.folder.clone();
    Ok(Start { program, arguments, environment, folder, stdin, limit: plan.limits.bytes })
}

pub(super) fn folders(plan: &Plan, planting: &mut Planting, own: &Own) -> Vec<PathBuf> {
    let mut folders = vec![own.path("tmp"), own.path("folder")];
    if plan.watch.working_folder {
        folders.push(plan.service.folder.clone().unwrap_or_else(|| PathBuf::from(".")));
    }
    folders.extend(
        plan.watch.folders.iter().map(|folder| planting.fill(folder, "folder", str::to_owned).into()),
    );
    folders
}

pub(super) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
