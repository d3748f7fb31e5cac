"""SViT: a ViT-Adapter whose transformer decides, block by block, which tokens it processes.

A skipped token is not dropped: it keeps its value, and the next block decides afresh. The adapter sees all tokens.
Source: SViT (arXiv 2306.07050). State-dict keys are those of the released detection code.
Letters: B images, C channels, H x W = N tokens at 1/16.
"""

import random
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from models.calibration import Tell
from models.errors import InputError
from models.fitting import Fitted
from models.picture import Picture
from models.plan import Plan, Value
from models.space import Space
from models.svit_convert import fit_sparse
from models.svit_decisions import Noise, ratio_loss
from models.svit_geometry import SvitGeometry
from models.svit_layers import Selector, SparseBlock
from models.svit_pass import Pass
from models.vit_adapter import INTERACTIONS, drop_paths
from models.vit_adapter_geometry import PATCH, AdapterGeometry
from models.vit_adapter_layers import Trace
from models.vit_adapter_trunk import AdapterTrunk
from models.work import Work

DENSE = Plan()
"""All tokens in every block."""


class SelectiveViTAdapter(AdapterTrunk):
    """The sparse backbone. It keeps no state between passes; what it skips is the argument `plan`.

    Args:
        pretrain_size, in_channels, embed_dim, depth, num_heads, mlp_ratio, drop_path_rate, conv_inplane, n_points,
            deform_num_heads, deform_ratio, with_cffn, cffn_ratio, interaction_indexes, use_extra_extractor,
            add_vit_feature, with_cp: as in `models.vit_adapter.ViTAdapter`.
        select_blocks: blocks with a selector in front; None: all but those of the first interaction, as published.
        keep_ratio: the share of tokens that training steers each selector to, unless the plan says another; None:
            0.7 in the first group of blocks, 0.7^2 in the second, 0.7^3 in the third, as published.
        inherit_mask: a token once skipped stays skipped, and each decision holds until the next selector, by default
            one per interaction. The published ablation.
        ratio_per_sample: steer the share of every image, not the mean of the batch.
        tau: temperature of the softmax that gives decisions their gradient.
    Raises:
        InputError: options that contradict each other.
    """

    def __init__(
        self,
        pretrain_size: int = 224,
        in_channels: int = 3,
        embed_dim: int = 192,
        depth: int = 12,
        num_heads: int = 3,
        mlp_ratio: float = 4,
        drop_path_rate: float = 0.0,
        conv_inplane: int = 64,
        n_points: int = 4,
        deform_num_heads: int = 6,
        deform_ratio: float = 1.0,
        with_cffn: bool = True,
        cffn_ratio: float = 0.25,
        interaction_indexes: Sequence[Sequence[int]] = INTERACTIONS,
        use_extra_extractor: bool = True,
        add_vit_feature: bool = True,
        with_cp: bool = False,
        select_blocks: Sequence[int] | None = None,
        keep_ratio: Sequence[float] | None = None,
        inherit_mask: bool = False,
        ratio_per_sample: bool = False,
        tau: float = 1.0,
    ) -> None:
        if embed_dim % num_heads or not tau > 0:
            raise InputError(f"num_heads={num_heads} must divide embed_dim={embed_dim}, and tau={tau} be above 0")
        adapter = AdapterGeometry(
            embed_dim,
            depth,
            tuple((first, last) for first, last in interaction_indexes),
            (None,) * depth,
            mlp_ratio,
            conv_inplane,
            n_points,
            deform_num_heads,
            deform_ratio,
            int(embed_dim * cffn_ratio) if with_cffn else 0,
            2 if use_extra_extractor else 0,
            in_channels,
        )
        geometry = SvitGeometry.of(adapter, select_blocks, keep_ratio, inherit_mask)
        blocks = [SparseBlock(embed_dim, num_heads, mlp_ratio, rate) for rate in drop_paths(drop_path_rate, depth)]
        selectors = [Selector(embed_dim) for _ in geometry.selection.blocks]
        super().__init__(adapter, blocks, selectors, pretrain_size, drop_path_rate, add_vit_feature, with_cp)
        self.geometry = geometry
        self.ratio_per_sample = ratio_per_sample
        self.tau = tau

    def space(self, input_size: tuple[int, int], **choices: bool) -> Space:
        """Plans of exact counts at (height, width) pixels; see `SvitGeometry.space`."""
        return self.geometry.space(input_size, **choices)

    def work(self, plan: Mapping[str, Value], input_size: tuple[int, int]) -> Work:
        """Tokens and MACs per block for one image of (height, width) pixels; see `SvitGeometry.work`."""
        return self.geometry.work(plan, input_size)

    def draw_plan(self, rng: random.Random) -> Plan:
        """A plan for adaptation: the share of every group of blocks is drawn for itself."""
        return self.space((224, 224)).random(rng)

    def depends_on_content(self, plan: Mapping[str, Value]) -> bool:
        """Whether other images take another time: in every mode but topk."""
        return self.geometry.schedule(plan).mode != "topk"

    def calibrated(self, plan: Mapping[str, Value], batches: Sequence[Tensor], tell: Tell) -> Plan:
        """Thresholds that keep the plan's shares on average (mode threshold), or the shares that selectors choose.

        Args:
            plan: `{"mode": "threshold", "keep3_5": 0.5}`, where shares that it leaves out are those trained for; or
                `{}`, answered by exact counts.
            batches: (B, 3, height, width) images.
            tell: told what came out.
        Raises:
            PlanError, InputError: see `svit_calibrate.calibrate`.
        """
        from models.svit_calibrate import calibrate, kept_shares

        found = calibrate(self, plan, batches)
        shares = ", ".join(f"{share:.3f}" for share in kept_shares(self, found, batches))
        tell(f"{found}; shares of tokens kept on average: {shares}")
        return found

    def fit_checkpoint(self, state: Mapping[str, Tensor]) -> Fitted:
        """Own files, those of the dense parent, and DeiT's of ImageNet; see `svit_convert.fit_sparse`."""
        return fit_sparse(state, self.state_dict())

    def forward(
        self, x: Tensor, plan: Mapping[str, Value] = DENSE, trace: Trace | None = None, noise: Noise = None
    ) -> tuple[Tensor, ...]:
        """Feature maps.

        Args:
            x: (B, in_channels, height, width) images, any size.
            plan: which tokens each block processes, see `models.svit_plan`; empty: all.
            trace: told of tokens, pyramid, logits and decisions, for parity tests, pictures and calibration.
            noise: chance for mode gumbel.
        Returns:
            four maps (B, C, height / s, width / s), rounded up, for s = 4, 8, 16, 32.
        Raises:
            InputError: `x` is no batch of images with `in_channels` channels, or `noise` of another shape.
            PlanError: a knob does not exist, or its value cannot run.
        """
        return self._pass(x, plan, trace, noise)[0]

    def forward_with_losses(
        self, x: Tensor, plan: Mapping[str, Value] = DENSE, trace: Trace | None = None, noise: Noise = None
    ) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
        """Feature maps, and what steers the shares of kept tokens, to be added to a detector's losses.

        Args:
            x, plan, trace, noise: as in `forward`. The targets are the plan's `keep` knobs, else `keep_ratio`.
        Returns:
            the maps; and `loss_ratio`, see `ratio_loss`, to be weighted by 4 as published; 0 where nothing was decided.
        """
        maps, done = self._pass(x, plan, trace, noise)
        if not done.decided:
            return maps, {"loss_ratio": x.new_zeros(())}
        targets = {run.selector: run.keep for run in done.schedule.deciding()}
        values = [decision.value for decision in done.decided.values()]
        loss = ratio_loss(values, [targets[selector] for selector in done.decided], self.ratio_per_sample)
        return maps, {"loss_ratio": loss}

    @torch.no_grad()
    def pictures(self, x: Tensor, plan: Mapping[str, Value] = DENSE) -> tuple[Picture, ...]:
        """For every block that can skip tokens: which ones it processes.

        Args:
            x: (B, in_channels, height, width) images.
            plan: what to show.
        """
        height, width = self.adapter.grid((x.shape[2], x.shape[3]))
        seen: dict[str, Tensor] = {}
        self._pass(x, plan, seen.__setitem__, None)
        pictures = []
        every = torch.ones(x.shape[0], height * width, device=x.device)
        for runs in self.geometry.schedule(plan).interactions:
            for run in runs:
                for block in run.blocks if run.selector is not None else ():
                    kept = seen.get(f"selector{run.selector}.kept", every).float().view(-1, height, width)
                    pictures.append(Picture(f"block {block}", "kept", kept, (PATCH, PATCH)))
        return tuple(pictures)

    def _pass(
        self, x: Tensor, plan: Mapping[str, Value], trace: Trace | None, noise: Noise
    ) -> tuple[tuple[Tensor, ...], Pass]:
        schedule = self.geometry.schedule(plan)
        tokens, pyramid, finest, levels = self.start(x, trace)
        inherit, training = self.geometry.selection.inherit, self.training
        done = Pass(self.selective_modules, schedule, inherit, training, self.tau, noise, trace, self.with_cp)
        for index, runs in enumerate(schedule.interactions):
            tokens = self.inject(index, tokens, pyramid, levels, trace)
            for run in runs:
                tokens = done.run(tokens, run, [self.blocks[block] for block in run.blocks])
            pyramid = self.extract(index, pyramid, tokens, levels, trace, schedule.extra_extractors)
        maps = self.finish(tokens, pyramid, finest, levels, (x.shape[2], x.shape[3]))
        if self.training and torch.is_grad_enabled():
            maps = (maps[0] + self._idle(done, schedule.extra_extractors), *maps[1:])
        return maps, done

    def _idle(self, done: Pass, extra: int) -> Tensor | int:
        """Zero, with zero gradients for parts that the plan left out: distributed training waits for all of them."""
        last = self.interaction(len(self.interactions) - 1)
        parts: list[nn.Module] = [*(last.extra_extractors or [])[extra:]]
        parts += [part for number, part in enumerate(self.selective_modules) if number not in done.decided]
        idle = [parameter.sum() for part in parts for parameter in part.parameters() if parameter.requires_grad]
        return 0 * torch.stack(idle).sum() if idle else 0
