"""The same training from the command line: options, config files, and the config of each run kept beside it.

python cli.py fit --print_config > run.yaml
python cli.py fit --config run.yaml --model.width 64 --trainer.max_epochs 5
"""

from __future__ import annotations

from image_classifier import DigitClassifier, DigitData

import facula_lightning as lightning


def main(arguments: list[str] | None = None) -> lightning.LightningCLI:
    defaults = {"max_epochs": 3, "enable_progress_bar": False, "enable_model_summary": False}
    return lightning.LightningCLI(DigitClassifier, DigitData, trainer_defaults=defaults, args=arguments)


if __name__ == "__main__":
    main()
