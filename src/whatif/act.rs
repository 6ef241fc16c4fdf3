//! Acts: what a person could do about a divergence.
//!
//! In: a name of the report contract. Out: an [`Act`], or why the name means none. What an act does to the world stands
//! in `fork`.

use std::fmt;

use crate::model::profile::{Behaviour, Version};

/// One act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// An act that the contract names without a value.
    Plain(Plain),
    /// The cluster runs this release.
    Upgrade(Version),
    /// The running controller behaves so.
    With(Trait),
    /// The running controller does not behave so.
    Without(Trait),
}

/// A behaviour that can be switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trait {
    /// One of the profile's.
    Known(Behaviour),
    /// On each node update volumes in use are looked up in the actual state of world, and attached again when missing
    /// (proposed in kubernetes#88565, in no release).
    CheckBeforeYouAct,
    /// Operations of one volume exclude each other on all nodes (proposed in kubernetes#88565).
    OneLockPerVolume,
}

const CHECK: &str = "check-before-you-act";
const LOCK: &str = "one-lock-per-volume";

impl Trait {
    fn parse(name: &str) -> Option<Trait> {
        match name {
            CHECK => Some(Trait::CheckBeforeYouAct),
            LOCK => Some(Trait::OneLockPerVolume),
            _ => Behaviour::parse(name).map(Trait::Known),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Trait::Known(behaviour) => behaviour.name(),
            Trait::CheckBeforeYouAct => CHECK,
            Trait::OneLockPerVolume => LOCK,
        }
    }
}

macro_rules! plain {
    ($($act:ident $name:literal $doc:literal)*) => {
        /// An act without a value.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Plain { $(#[doc = $doc] $act,)* }

        impl Plain {
            /// All, the least invasive first: the order in which advice prefers them.
            pub const ALL: &[Plain] = &[$(Plain::$act,)*];

            /// Its name in the contract.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Plain::$act => $name,)* }
            }
        }
    };
}

plain! {
    Wait "wait" "Nothing is done."
    TouchVa "touch-va" "A label is set on the `VolumeAttachment`."
    TouchNode "touch-node" "A label is set on the Node object."
    DriverRecovers "driver-recovers" "The driver answers every call with success."
    RestartAttacher "restart-attacher" "A new process of the external-attacher."
    RestartController "restart-controller" "A new process of kube-controller-manager."
    RestartKubelet "restart-kubelet" "A new process of the node's kubelet."
    OtherVolumeOnNode "other-volume-on-node" "Another volume is attached to the node."
    DeletePodSameNode "delete-pod-same-node" "The pod is deleted, its successor is bound to the same node."
    DeletePodOtherNode "delete-pod-other-node" "The pod is deleted, its successor is bound to another node."
    SpreadPods "spread-pods" "Anti-affinity puts the pod's successor on another node."
    DeleteVa "delete-va" "The `VolumeAttachment` is deleted."
    ReportByHand "report-by-hand" "The volume is written into the node's volumesAttached."
    DeleteNode "delete-node" "The Node object is deleted, and the kubelet registers anew."
    OutOfServiceTaint "out-of-service-taint" "The node is tainted out-of-service."
    ForceDeletePod "force-delete-pod" "The pod object is removed without waiting for the kubelet."
    StripVaFinalizer "strip-va-finalizer" "The attacher's finalizer is taken off the `VolumeAttachment`."
    MountByHand "mount-by-hand" "The device is mounted on the node by hand."
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Act::Plain(plain) => f.write_str(plain.name()),
            Act::Upgrade(version) => write!(f, "upgrade={version}"),
            Act::With(of) => write!(f, "with={}", of.name()),
            Act::Without(of) => write!(f, "without={}", of.name()),
        }
    }
}

impl std::str::FromStr for Act {
    type Err = String;

    fn from_str(name: &str) -> Result<Act, String> {
        if let Some(plain) = Plain::ALL.iter().find(|plain| plain.name() == name) {
            return Ok(Act::Plain(*plain));
        }
        let behaviour = |value: &str| {
            Trait::parse(value).ok_or_else(|| {
                format!("no behaviour is called {value}; adtrace model profile lists them, beside {CHECK} and {LOCK}")
            })
        };
        match name.split_once('=') {
            Some(("upgrade", value)) => value
                .parse()
                .map(Act::Upgrade)
                .map_err(|_| format!("{value} is no release; give one like 1.23.13")),
            Some(("with", value)) => behaviour(value).map(Act::With),
            Some(("without", value)) => behaviour(value).map(Act::Without),
            _ => {
                let names: Vec<&str> = Plain::ALL.iter().map(|plain| plain.name()).collect();
                Err(format!(
                    "no act is called {name}; there are {}, upgrade=VERSION, with=BEHAVIOUR, without=BEHAVIOUR",
                    names.join(", ")
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_act_is_read_back_from_its_name() {
        let valued = [
            "upgrade=1.23.13",
            "with=check-before-you-act",
            "without=one-lock-per-volume",
        ];
        for name in Plain::ALL.iter().map(|plain| plain.name()).chain(valued) {
            let act: Act = name.parse().expect(name);
            assert_eq!(act.to_string(), name);
        }
        assert!("pray".parse::<Act>().is_err());
        assert!("with=luck".parse::<Act>().is_err());
    }
}
